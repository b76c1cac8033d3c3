"""Webhook endpoints as bad as they come: one server, whose path says how it misbehaves."""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

DRIP_EVERY_S = 0.2
HUGE_BYTES = 1 << 26
CHUNK = b"x" * 65_536
ELSEWHERE = "http://169.254.169.254/latest/meta-data/"
_RESET = struct.pack("ii", 1, 0)


class Hostility(StrEnum):
    """What an endpoint does with a call that it has read."""

    HANG = "hang"
    DRIP = "drip"
    STATUS_500 = "status_500"
    REDIRECT = "redirect"
    GONE = "gone"
    HUGE = "huge"
    CLOSE_EARLY = "close_early"
    RESET = "reset"
    NONSENSE = "nonsense"
    WRONG_TLS = "wrong_tls"


def _answer(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} No", *headers, "Content-Length: 0", "", ""]).encode()


_ANSWERS = {
    Hostility.STATUS_500: _answer(500),
    Hostility.REDIRECT: _answer(307, f"Location: {ELSEWHERE}"),
    Hostility.GONE: _answer(410),
    Hostility.CLOSE_EARLY: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
    Hostility.NONSENSE: b"\0\xffnot HTTP\r\n\r\n",
    Hostility.WRONG_TLS: _answer(400),
}


class HostileSink:
    """Counts `calls` by hostility, and those that are `open` now."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.open: Counter[str] = Counter()
        self._port = 0
        self._serving: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def running(cls) -> "AsyncIterator[HostileSink]":
        """It listens on loopback; afterwards every call has been let go."""
        sink = cls()
        server = await asyncio.start_server(sink._accept, "127.0.0.1", 0)
        sink._port = server.sockets[0].getsockname()[1]
        try:
            yield sink
        finally:
            server.close()
            for task in sink._serving:
                task.cancel()
            await asyncio.gather(*sink._serving, return_exceptions=True)

    def url(self, hostility: Hostility) -> str:
        """Where that endpoint is; behind `wrong_tls` nobody speaks TLS."""
        scheme = "https" if hostility is Hostility.WRONG_TLS else "http"
        return f"{scheme}://127.0.0.1:{self._port}/{hostility}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One call. A caller that leaves ends it; so does one that speaks TLS, whose greeting is no path of ours."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            line = await reader.readuntil(b"\n")
            hostility = _named_by(line)
            self.calls[hostility] += 1
            self.open[hostility] += 1
            try:
                await _misbehave(hostility, reader, writer)
            finally:
                self.open[hostility] -= 1
        writer.close()


async def _misbehave(hostility: Hostility, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    match hostility:
        case Hostility.HANG:
            await _until_left(reader)
        case Hostility.DRIP:
            await _drip(writer)
        case Hostility.HUGE:
            await _flood(writer)
        case Hostility.RESET:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        case _:
            writer.write(_ANSWERS[hostility])
    await writer.drain()


def _named_by(line: bytes) -> Hostility:
    """What the path of the request line asks for; anything else began with a TLS greeting."""
    words = line.split()
    name = words[1].decode("latin-1").strip("/") if len(words) > 1 else ""
    return Hostility(name) if name in set(Hostility) else Hostility.WRONG_TLS


async def _until_left(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


async def _drip(writer: asyncio.StreamWriter) -> None:
    """A status line, and then a header that never ends, a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"z")
        await writer.drain()
        await asyncio.sleep(DRIP_EVERY_S)


async def _flood(writer: asyncio.StreamWriter) -> None:
    """A success with a body that is longer than anybody should read."""
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {HUGE_BYTES}\r\n\r\n".encode())
    for _ in range(HUGE_BYTES // len(CHUNK)):
        writer.write(CHUNK)
        await writer.drain()
