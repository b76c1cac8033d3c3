"""A lean HTTP client for callbacks: one POST costs a third of what a general client needs."""

import asyncio
import ssl
from collections import defaultdict
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

ANSWER_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL leads; `target` is path and query exactly as they go over the wire."""

    scheme: str
    host: str
    port: int
    authority: str
    target: str

    @classmethod
    def of(cls, url: str) -> "Destination":
        """Take a URL apart; `ValueError` when its port is none."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, parts.hostname or "", port, parts.netloc.rpartition("@")[2], target)

    def origin(self) -> tuple[str, str, int]:
        """Give what connections are shared by."""
        return self.scheme, self.host, self.port


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What the receiver answered."""

    status: int
    body: bytes


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.reusable = True
        self._transport: asyncio.WriteTransport | None = None
        self._answer: asyncio.Future[CallbackAnswer] | None = None
        self._ends_with_connection = False

    async def post(self, request: bytes) -> CallbackAnswer:
        if self._transport is None or not self.reusable:
            raise ConnectionResetError("the connection is gone")
        self._parser, self._body = httptools.HttpResponseParser(self), bytearray()
        self._length_is_known = self._ends_with_connection = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.reusable = False
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's does not inherit from it

    def data_received(self, chunk: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked
            return
        try:
            self._parser.feed_data(chunk)
        except httptools.HttpParserError as unreadable:
            self._fail(ConnectionError(f"not HTTP: {unreadable}"))

    def on_headers_complete(self) -> None:
        self._ends_with_connection = not self._length_is_known

    def on_header(self, name: bytes, _value: bytes) -> None:
        self._length_is_known |= name.lower() in {b"content-length", b"transfer-encoding"}

    def on_body(self, chunk: bytes) -> None:
        self._body += chunk
        if len(self._body) > ANSWER_BYTES_MAX:
            self._fail(ConnectionError("the answer is too long"))

    def on_message_complete(self) -> None:
        self.reusable = self.reusable and self._parser.should_keep_alive()
        self._finish()

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(CallbackAnswer(self._parser.get_status_code(), bytes(self._body)))

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._ends_with_connection:
            self._finish()
        self._fail(exc if isinstance(exc, OSError) else ConnectionResetError("closed without an answer"))

    def _fail(self, failure: OSError) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(failure)


class CallbackClient:
    """Keeps connections for the next callback. It follows no redirects and knows no proxies."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str, int], list[_Connection]] = defaultdict(list)
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> CallbackAnswer:
        """Send one callback; `OSError` when no answer came, `ValueError` when the URL leads nowhere."""
        destination = Destination.of(url)
        head = {"Host": destination.authority, **headers, "Content-Length": str(len(body))}
        lines = [f"POST {destination.target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        idle = self._idle[destination.origin()]
        connection = self._waiting(idle) or await self._connect(destination)
        try:
            answer = await connection.post(request)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Let go of every idle connection."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()

    def _waiting(self, idle: list[_Connection]) -> _Connection | None:
        while idle:
            connection = idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _connect(self, destination: Destination) -> _Connection:
        if destination.scheme == "https" and self._tls is None:
            self._tls = ssl.create_default_context()
        tls = self._tls if destination.scheme == "https" else None
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, destination.host, destination.port, ssl=tls)
        return connection
