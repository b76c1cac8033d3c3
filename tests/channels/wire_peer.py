"""A peer on a real socket that answers exactly the bytes it is told to, or misbehaves."""

import asyncio
import base64
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.channels.parties import public_key_text


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Exchange:
    """A request that was read, and the connection it came by."""

    seen: Seen
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


Behaviour = Callable[[Exchange], Awaitable[None]]


class ChannelKey:
    """The channel's side of the protocol, written from its page with `cryptography` alone."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.public = public_key_text(self.key)

    def signature(self, *lines: str, body: bytes) -> str:
        """The signature over the lines and the body, each ended by one line feed."""
        covered = "".join(f"{line}\n" for line in lines).encode() + body + b"\n"
        return base64.b64encode(self.key.sign(covered)).decode()

    def answer_headers(self, status: int, nonce: str, body: bytes, *, at: datetime | None = None) -> dict[str, str]:
        """The headers of a signed answer."""
        timestamp = str(int((at or datetime.now(UTC)).timestamp()))
        signature = self.signature(str(status), timestamp, nonce, body=body)
        return {"Sim-Timestamp": timestamp, "Sim-Nonce": nonce, "Sim-Signature": signature}

    def callback_headers(self, target: str, body: bytes, *, at: datetime) -> dict[str, str]:
        """The headers of a signed notification."""
        timestamp = str(int(at.timestamp()))
        signature = self.signature("POST", target, timestamp, "n" * 16, body=body)
        return {"Sim-App": "app_test", "Sim-Timestamp": timestamp, "Sim-Nonce": "n" * 16, "Sim-Signature": signature}


class Peer:
    """Answers every request by `behaviour`; `seen` keeps the requests, `accepted` counts connections."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.seen: list[Seen] = []
        self.accepted = 0
        self.url = ""

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Peer"]:
        """Serve on a free port of loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        seen = await _read(reader)
        self.seen.append(seen)
        await self._behaviour(Exchange(seen, reader, writer))
        writer.close()


def answers(status: int, body: bytes, **headers: str) -> Behaviour:
    """One complete answer."""

    async def behave(exchange: Exchange) -> None:
        await write(
            exchange.writer, status, body, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return behave


def signed_answer(
    key: ChannelKey, status: int, body: bytes, *, at: datetime | None = None, **replaced: str
) -> Behaviour:
    """An answer that the channel signed for this request; keywords replace signed headers afterwards."""

    async def behave(exchange: Exchange) -> None:
        headers = key.answer_headers(status, exchange.seen.headers["sim-nonce"], body, at=at)
        headers |= {name.replace("_", "-"): text for name, text in replaced.items()}
        await write(exchange.writer, status, body, headers=headers)

    return behave


async def resets(exchange: Exchange) -> None:
    """Reads the request, then drops the connection without a byte."""
    connection = exchange.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def says_half(exchange: Exchange) -> None:
    """Promises more than it sends."""
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    await exchange.writer.drain()


async def never_answers(exchange: Exchange) -> None:
    """Holds the connection until the caller has gone."""
    await exchange.reader.read()


async def drips(exchange: Exchange) -> None:
    """Sends a byte now and then, each in time, and never ends."""
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not exchange.writer.transport.is_closing():
        exchange.writer.write(b" ")
        await asyncio.sleep(0.05)


async def floods(exchange: Exchange) -> None:
    """Sends as much as the caller takes."""
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while not exchange.writer.transport.is_closing():
        exchange.writer.write(b" " * 65_536)
        await asyncio.sleep(0)


async def write(writer: asyncio.StreamWriter, status: int, body: bytes, *, headers: dict[str, str]) -> None:
    """One complete HTTP answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, target, _ = head[0].split(" ")
    return Seen(method, target, headers, body)
