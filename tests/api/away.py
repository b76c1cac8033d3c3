"""The API with one of its neighbours away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from api.app import create_app
from domain.ids import new_id
from settings import Settings
from tests.support.centre import centre_settings, make_services
from tests.support.servers import Addresses, free_port


def settings_without(addresses: Addresses, *, postgresql: bool = True, temporal: bool = True) -> Settings:
    """Settings that lead to a port or socket where nobody listens."""
    settings = centre_settings(addresses, namespace=new_id("test"), api_port=free_port())
    away = {"temporal_address": f"127.0.0.1:{free_port()}"} if not temporal else {}
    if not postgresql:
        away["database_url"] = "postgresql+asyncpg://paysaga_app@/paysaga?host=/nowhere"
    return settings.model_copy(update=away)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The application with these settings, called without a port; a fault of ours is an answer like any other."""
    services = make_services(settings)
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=20) as http:
        yield http
    await services.database.close()


@asynccontextmanager
async def relayed(address: str, *, to: str) -> AsyncIterator[None]:
    """Whoever calls `address` reaches `to`; at the end every connection is cut."""
    lines: set[asyncio.StreamWriter] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.add(writer)
        while chunk := await reader.read(65_536):
            writer.write(chunk)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = to.split(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)

    host, port = address.split(":")
    server = await asyncio.start_server(connect, host, int(port))
    yield
    server.close()
    for line in lines:
        line.transport.abort()
