"""A server that says back what it hears, behind a wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chaos.proxy import Wire

WITHIN_S = 10


@dataclass
class Echo:
    """What the server heard, and the wire before it."""

    heard: bytearray = field(default_factory=bytearray)
    wire: Wire = field(init=False)

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["Echo"]:
        """The server answers through the wire."""
        echo = cls()
        server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
        async with server, Wire("echo", target=server.sockets[0].getsockname()) as echo.wire:
            yield echo

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        try:
            while piece := await reader.read(65_536):
                self.heard += piece
                writer.write(piece)
                await writer.drain()
        except ConnectionResetError:
            pass
        finally:
            writer.close()

    async def client(self) -> "Client":
        """A connection through the wire."""
        return Client(*await asyncio.open_connection("127.0.0.1", self.wire.port, limit=1 << 24))

    async def until_heard(self, size: int) -> None:
        """So many bytes have reached the server."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.heard) < size:
                await asyncio.sleep(0)


@dataclass
class Client:
    """One end of a conversation."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, text: bytes) -> None:
        """The bytes are in the kernel's hands, or on their way to them."""
        self.writer.write(text)
        await self.writer.drain()

    async def hears(self, size: int) -> bytes:
        """So many bytes came back. Raises `ConnectionResetError` or `IncompleteReadError` when the wire broke."""
        async with asyncio.timeout(WITHIN_S):
            return await self.reader.readexactly(size)

    async def ends(self) -> None:
        """The connection is closed from here."""
        self.writer.close()
        await self.writer.wait_closed()
