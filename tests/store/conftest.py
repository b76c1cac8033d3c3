"""Databases beside the session's own: migrated, made from today's files, and upgraded with rows in them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

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

RELEASED = Path(__file__).parent / "data" / "0001.sql"
#: What the file cannot contain because it grows old: a refund of yesterday, one of last week, objects that are under
#: way now, and an event that was committed and not told yet.
_OF_LATE = """
    UPDATE refund SET succeeded_at = now() - interval '1 day' WHERE origin = 'late' AND state = 'succeeded';
    UPDATE refund SET succeeded_at = now() - interval '8 days' WHERE origin = 'mismatch' AND state = 'succeeded';
    UPDATE refund SET updated_at = now() WHERE state NOT IN ('succeeded', 'failed', 'bounced');
    UPDATE payment SET updated_at = now(), expires_at = now() + interval '15 minutes'
    WHERE state NOT IN ('succeeded', 'closed', 'failed');
    UPDATE event SET body = NULL, feed_no = NULL, handed_at = NULL
    WHERE feed_no > (SELECT min(feed_no) FROM event WHERE type = 'late_payment.refunded');
"""


@dataclass(frozen=True)
class Upgraded:
    """A database of the first release that was upgraded with rows in it: as its owner, and as the application."""

    owner: asyncpg.Connection
    database: Database


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
async def own_copy(addresses: Addresses, *, template: str = "template1") -> AsyncIterator[URL]:
    """The owner's URL of a database that exists for so long; an empty one, or a copy of one that nobody uses."""
    owner, name = make_url(addresses.owner_url), new_id("schema")
    async with connect(owner.set(username=SUPERUSER, database=SUPERUSER)) as superuser:
        await superuser.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER_ROLE}")
        yield owner.set(database=name)
        await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def migrated(addresses: Addresses) -> AsyncIterator[asyncpg.Connection]:
    async with own_copy(addresses) as url:
        await migrate(url.render_as_string(hide_password=False))
        async with connect(url) as connection:
            yield connection


@pytest.fixture(scope="module")
async def made(addresses: Addresses) -> AsyncIterator[asyncpg.Connection]:
    async with own_copy(addresses) as url, connect(url) as connection:
        for script in (tables_sql(), functions_sql(), *statements()):
            await connection.execute(script)
        yield connection


@pytest.fixture(scope="module")
async def released(addresses: Addresses) -> AsyncIterator[str]:
    """The name of a database that the first release used, and that is at the newest revision now."""
    async with own_copy(addresses) as url:
        owner_url = url.render_as_string(hide_password=False)
        await migrate(owner_url, revision="0001")
        async with connect(url) as connection:
            await connection.execute(RELEASED.read_text() + _OF_LATE)
        await migrate(owner_url)
        assert url.database is not None
        yield url.database


@pytest.fixture
async def upgraded(addresses: Addresses, released: str) -> AsyncIterator[Upgraded]:
    """A copy of it that the test may change."""
    async with own_copy(addresses, template=released) as url, connect(url) as owner:
        app_url = make_url(addresses.database_url).set(database=url.database)
        database = Database.connect(app_url.render_as_string(hide_password=False), pool_size=4)
        yield Upgraded(owner, database)
        await database.close()


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    connected = Database.connect(addresses.database_url, pool_size=20)
    yield connected
    await connected.close()
