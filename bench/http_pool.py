"""A lean HTTP client, so that the load costs the machine little of what it measures."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

KEPT_S = 2.0
_LENGTH = b"content-length:"


@dataclass(frozen=True)
class Answer:
    """A status and the bytes of a body."""

    status: int
    body: bytes


class HttpPool:
    """POSTs JSON to one server over as many kept connections as calls are under way at once."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._head = f"Host: {parts.netloc}\r\nContent-Type: application/json\r\n".encode()
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes, *, api_key: str) -> Answer:
        """The server's answer. OSError or IncompleteReadError when there is none."""
        reader, writer = await self._connection()
        head = b"%bAuthorization: Bearer %b\r\nContent-Length: %d" % (self._head, api_key.encode(), len(body))
        writer.write(b"POST %b HTTP/1.1\r\n%b\r\n\r\n%b" % (path.encode(), head, body))
        answer = await _answer(reader)
        self._idle.append((time.monotonic(), reader, writer))
        return answer

    def close(self) -> None:
        """No connection is kept."""
        for _, _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The one used last; servers close those that nobody used for seconds, so when it is old all are."""
        if self._idle and time.monotonic() - self._idle[-1][0] > KEPT_S:
            self.close()
        if not self._idle:
            return await asyncio.open_connection(self._host, self._port)
        _, reader, writer = self._idle.pop()
        return reader, writer


async def _answer(reader: asyncio.StreamReader) -> Answer:
    """Our own server always tells the length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(_LENGTH)[2].split(b"\r\n", 1)[0])
    return Answer(int(head[9:12]), await reader.readexactly(length))
