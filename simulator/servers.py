"""Two HTTP servers in one event loop, ended together by one signal."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from simulator.connections import TransportProtocol

BACKLOG = 1024


class LoopServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the process and says when it accepts."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=TransportProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
                backlog=BACKLOG,
            )
        )
        self._listener = listener
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the process's signal handlers alone."""
        yield

    async def serve_until(self, stopping: asyncio.Event) -> None:
        """Serve until the event is set, then let the connections go."""
        serving = asyncio.create_task(self.serve([self._listener]))
        await stopping.wait()
        self.should_exit = True
        await serving


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give the fastest event loop that is installed here."""
    return uvicorn.Config(app="", loop="auto", log_config=None).get_loop_factory()


def listen(host: str, port: int) -> socket.socket:
    """Give a listening socket; port 0 means any free one. `OSError` when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def url_of(listener: socket.socket) -> str:
    """Give the base URL under which the socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
