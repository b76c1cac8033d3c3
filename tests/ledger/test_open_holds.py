"""What a hold costs does not grow with the number of others that are open."""

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from ledger import book, steps
from ledger.sql import statements
from ledger.steps import Role
from tests.ledger.clerk import Clerk

OTHERS, FEW = 200, 10
_LOOKED_AT = text("SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'hold'")


@pytest.fixture
def database(ledger_server: EmbeddedPostgres) -> str:
    """The name of a database in which nobody else holds anything: what the planner has seen is this test's."""
    name = f"holds_{secrets.token_hex(4)}"
    ledger_server.create_database(name)
    return name


@pytest.fixture
async def owner(ledger_server: EmbeddedPostgres, database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role that owns the book; the book is made."""
    connection = await asyncpg.connect(host=str(ledger_server.socket_folder), user=OWNER_ROLE, database=database)
    for script in statements():
        await connection.execute(script)
    yield connection
    await connection.close()


@pytest.fixture
async def engine(
    ledger_server: EmbeddedPostgres, database: str, owner: asyncpg.Connection
) -> AsyncIterator[AsyncEngine]:
    """Connections as the application role."""
    assert not owner.is_closed()
    made = create_async_engine(ledger_server.url(APP_ROLE, database))
    yield made
    await made.dispose()


async def test_a_confirm_looks_at_its_own_hold_alone(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The planner may have looked at the table when nothing was held, and take the open ones for none."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await _hold_others(clerk, owner)
    legs = steps.legs(steps.PAYMENT, {"balance_minor": 300}, clerk.parties(wallet_id=wallet, holds={Role.WALLET: key}))
    async with clerk.session() as session, session.begin():
        await clerk.post_in(session, clerk.key("payment"), legs)
        assert FEW > await _looked_at(session)


async def test_a_cancel_looks_at_its_own_hold_alone(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The same on the way back."""
    await _hold_others(clerk, owner)
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    async with clerk.session() as session, session.begin():
        await book.release(session, key)
        assert FEW > await _looked_at(session)


async def _hold_others(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """Some are confirmed, the planner knows those, and many more are open."""
    wallet = await clerk.wallet(OTHERS)
    request = clerk.request(wallet, 1)
    for _ in range(OTHERS):
        await clerk.release(clerk.key())
    await owner.execute("ANALYZE hold")
    async with clerk.session() as session, session.begin():
        for _ in range(OTHERS):
            await book.hold(session, clerk.key(), request)


async def _looked_at(session: AsyncSession) -> int:
    """How many rows of holds this transaction has fetched."""
    return int((await session.execute(_LOOKED_AT)).scalar_one())
