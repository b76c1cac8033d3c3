"""Fresh databases beside the session's own: one migrated, one made from today's files."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from devstack.postgres import OWNER_ROLE, SUPERUSER
from domain.ids import new_id
from ledger.sql import statements
from store.database import Database
from store.migrate import migrate
from store.schema import functions_sql, tables_sql
from tests.support.servers import Addresses


def connect(url: URL) -> AbstractAsyncContextManager[asyncpg.Connection]:
    """A plain connection of the driver, closed afterwards."""
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)

    @asynccontextmanager
    async def connected() -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(plain)
        yield connection
        await connection.close()

    return connected()


@asynccontextmanager
async def empty_database(addresses: Addresses) -> AsyncIterator[URL]:
    """The owner's URL of a database that exists for so long."""
    owner, name = make_url(addresses.owner_url), new_id("schema")
    async with connect(owner.set(username=SUPERUSER, database=SUPERUSER)) as superuser:
        await superuser.execute(f"CREATE DATABASE {name} OWNER {OWNER_ROLE}")
        yield owner.set(database=name)
        await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def migrated(addresses: Addresses) -> AsyncIterator[asyncpg.Connection]:
    async with empty_database(addresses) as url:
        await migrate(url.render_as_string(hide_password=False))
        async with connect(url) as connection:
            yield connection


@pytest.fixture(scope="module")
async def made(addresses: Addresses) -> AsyncIterator[asyncpg.Connection]:
    async with empty_database(addresses) as url, connect(url) as connection:
        for script in (tables_sql(), functions_sql(), *statements()):
            await connection.execute(script)
        yield connection


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    connected = Database.connect(addresses.database_url, pool_size=20)
    yield connected
    await connected.close()
