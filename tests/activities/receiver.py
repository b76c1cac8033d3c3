"""A business's web server: it keeps what it was sent and answers as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

TOOK_IT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status} Any", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass(frozen=True)
class Stall:
    """An answer of which no more than this beginning ever comes."""

    beginning: bytes = b""


@dataclass(frozen=True)
class Received:
    """One call: its request line, its headers in lower case, its body."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers `answers` in order, then 200."""

    port: int = 0
    answers: list[bytes | Stall] = field(default_factory=list)
    calls: list[Received] = field(default_factory=list)
    called: asyncio.Condition = field(default_factory=asyncio.Condition)
    #: Whether a connection takes another call, and how many connections there were.
    keeps: bool = False
    connections: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def wait_for_calls(self, count: int, timeout_s: float = 20) -> list[Received]:
        """The calls, as soon as there are that many."""
        async with asyncio.timeout(timeout_s), self.called:
            await self.called.wait_for(lambda: len(self.calls) >= count)
        return self.calls

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with one call unless it is kept."""
        self.connections += 1
        await self._take(reader, writer)
        while self.keeps:
            await self._take(reader, writer)
        writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (part.partition(": ") for part in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        async with self.called:
            self.calls.append(Received(line, headers, body))
            self.called.notify_all()
        reply = self.answers.pop(0) if self.answers else TOOK_IT
        writer.write(reply.beginning if isinstance(reply, Stall) else reply)
        await writer.drain()
        if isinstance(reply, Stall):
            await reader.read()  # until the caller leaves


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A receiver that listens on a port of its own."""
    receiver = Receiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await receiver.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
