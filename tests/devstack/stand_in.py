"""Stands in for one of the stack's own programs: it keeps that program's contract with the supervisor, nothing more."""

import argparse
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"


class Ready(BaseHTTPRequestHandler):
    """Everything is answered with success."""

    def do_GET(self) -> None:
        """Any path is ready."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments: object) -> None:
        """Nothing is logged."""


def serve(*ports: int) -> None:
    """Answers on those ports until it is ended."""
    servers = [ThreadingHTTPServer((HOST, port), Ready) for port in ports]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


def main() -> None:
    """Plays the part named first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["once", "broken", "api", "worker", "simulator"])
    parser.add_argument("--port", type=int)
    parser.add_argument("--sink-port", type=int)
    words, _rest = parser.parse_known_args()
    match words.part:
        case "broken":
            sys.exit("the part is broken on purpose")
        case "api":
            serve(int(os.environ["PAYSAGA_API_PORT"]))
        case "simulator":
            serve(words.port, words.sink_port)
        case "worker":
            Path(os.environ["PAYSAGA_READY_FILE"]).touch()
            time.sleep(3600)


if __name__ == "__main__":
    main()
