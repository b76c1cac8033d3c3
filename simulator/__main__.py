"""`python -m simulator --home DIR --port 9100 --sink-port 9200`: the outside world in one process."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from pathlib import Path

import structlog
from starlette.applications import Starlette

from simulator.control import control_routes, refused
from simulator.panel import panel_routes
from simulator.refusals import RefusedError
from simulator.servers import LoopServer, listen, loop_factory, url_of
from simulator.sim.channel import SimChannel
from simulator.sink import sink_routes
from simulator.world import World


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the durable book")
    parser.add_argument("--host", default="127.0.0.1", help="address both ports listen on")
    parser.add_argument("--port", type=int, default=9100, help="channels and control API; 0 takes a free port")
    parser.add_argument("--sink-port", type=int, default=9200, help="webhook sink; 0 takes a free port")
    parser.add_argument("--public-url", help="base URL under which payers reach the channels, when it is another one")
    return parser.parse_args()


def applications(world: World) -> tuple[Starlette, Starlette]:
    """Give the channels' application and the sink's."""
    answers = {RefusedError: refused}
    channel_routes = [route for channel in world.channels.values() for route in channel.routes()]
    outside = Starlette(routes=[*channel_routes, *control_routes(world), *panel_routes()], exception_handlers=answers)
    sink = Starlette(routes=sink_routes(world.database, world.dials, world.stopping), exception_handlers=answers)
    return outside, sink


async def serve(options: argparse.Namespace, outside_listener: socket.socket, sink_listener: socket.socket) -> None:
    """Serve both ports until SIGTERM or SIGINT."""
    urls = {"simulator": url_of(outside_listener), "sink": url_of(sink_listener)}
    world = World(options.home, options.public_url or urls["simulator"])
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, world.stopping.set)
    world.start(SimChannel(world))
    outside, sink = applications(world)
    servers = LoopServer(outside, outside_listener), LoopServer(sink, sink_listener)
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(server.serve_until(world.stopping))
        for server in servers:
            await server.accepting.wait()
        structlog.get_logger().info("simulator ready", **urls)
    await world.close()


def main() -> int:
    """Run the process; 1 when a port is taken."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )
    logging.basicConfig(level=logging.WARNING)
    options = arguments()
    try:
        listeners = [listen(options.host, port) for port in (options.port, options.sink_port)]
    except OSError as taken:
        asked = {"host": options.host, "port": options.port, "sink_port": options.sink_port}
        structlog.get_logger().error("simulator cannot listen", reason=str(taken), **asked)
        return 1
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(options, *listeners))
    return 0


if __name__ == "__main__":
    sys.exit(main())
