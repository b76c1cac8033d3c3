"""The demo's REST client: patient with a server that is being started, plain about a refusal."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from devstack.errors import SeedError
from devstack.rest import Rest


class Script(BaseHTTPRequestHandler):
    """Answers by path; what it saw is kept on the class."""

    keys: list[str] = []

    def do_POST(self) -> None:
        """Not ready at the first request, refused under /refused, else done."""
        self.keys.append(self.headers["Idempotency-Key"])
        self.rfile.read(int(self.headers["Content-Length"]))
        if len(self.keys) == 1:
            self._answer(503, b'{"code": "unavailable"}', retry_after="1")
        elif self.path == "/refused":
            self._answer(422, b'{"code": "unknown_sku"}')
        else:
            self._answer(201, b'{"id": "pay_1"}')

    def _answer(self, status: int, body: bytes, retry_after: str | None = None) -> None:
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a server that follows the script."""
    Script.keys = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


async def test_a_server_that_is_not_ready_is_asked_again_with_the_same_key(url: str) -> None:
    """The repeat is the same request to the server, so nothing happens twice."""
    async with Rest(url, "key") as rest:
        assert {"id": "pay_1"} == await rest.post("/payments", {})
    assert 2 == len(Script.keys)
    assert 1 == len(set(Script.keys))


async def test_a_refusal_is_shown_with_its_body(url: str) -> None:
    """The person at the terminal reads what the API said."""
    async with Rest(url, "key") as rest:
        with pytest.raises(SeedError, match=r"422.*unknown_sku"):
            await rest.post("/refused", {})
