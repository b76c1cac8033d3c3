"""One server and one database with the book for all tests of the ledger; each test is a merchant of its own."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from domain.ids import new_id
from ledger import steps
from ledger.sql import statements
from tests.ledger.clerk import Clerk

DATABASE = "ledger"
CONNECTIONS = 60


@pytest.fixture(scope="session")
def ledger_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("ledger"), settings={"synchronous_commit": "off"})
    with server:
        server.create_database(DATABASE)
        yield server
        server.destroy()


@pytest.fixture(scope="session")
async def owner(ledger_server: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role that owns the book; the book is made."""
    host = str(ledger_server.socket_folder)
    connection = await asyncpg.connect(host=host, user=OWNER_ROLE, database=DATABASE)
    for script in statements():
        await connection.execute(script)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def engine(ledger_server: EmbeddedPostgres, owner: asyncpg.Connection) -> AsyncIterator[AsyncEngine]:
    """Connections as the application role."""
    assert not owner.is_closed()
    made = create_async_engine(ledger_server.url(APP_ROLE, DATABASE), pool_size=CONNECTIONS, max_overflow=0)
    yield made
    await made.dispose()


@pytest.fixture
def clerk(engine: AsyncEngine) -> Clerk:
    return Clerk(engine, merchant_id=new_id("mer"))


@pytest.fixture
async def funded(clerk: Clerk) -> Clerk:
    """1000 pending, all of it still in the inbox, and 500 available."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 500})
    await clerk.step(steps.SETTLEMENT, {"settled_minor": 500})
    await clerk.step(steps.PAYMENT, {"channel_minor": 1000})
    return clerk
