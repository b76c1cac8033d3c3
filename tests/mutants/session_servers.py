"""A pytest plugin of the children: the servers that the session has started, without anything else of the suite."""

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from domain.ids import new_id
from ledger.sql import statements
from tests.ledger.clerk import Clerk
from tests.support.servers import DATABASE, Addresses


@pytest.fixture(scope="session")
def addresses() -> Addresses:
    """Found in the environment."""
    found = Addresses.found()
    assert found is not None
    return found


@pytest.fixture(scope="session")
async def database(addresses: Addresses) -> str:
    """The name of an empty database of the child's own."""
    name = f"paysaga_{secrets.token_hex(6)}"
    engine = create_async_engine(addresses.owner_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return name


@pytest.fixture(scope="session")
async def owner(addresses: Addresses, database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role that owns the book; the book is made from the child's own files."""
    url = addresses.owner_url.replace(f"/{DATABASE}?", f"/{database}?").replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    for script in statements():
        await connection.execute(script)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def engine(addresses: Addresses, database: str, owner: asyncpg.Connection) -> AsyncIterator[AsyncEngine]:
    """Connections as the application role."""
    assert not owner.is_closed()
    url = addresses.database_url.replace(f"/{DATABASE}?", f"/{database}?")
    made = create_async_engine(url, pool_size=30, max_overflow=0)
    yield made
    await made.dispose()


@pytest.fixture
def clerk(engine: AsyncEngine) -> Clerk:
    """One merchant's bookkeeping."""
    return Clerk(engine, merchant_id=new_id("mer"))
