"""What a hold costs does not grow with the number of others that are open."""

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger import book, steps
from ledger.steps import Role
from tests.ledger.clerk import Clerk

OTHERS, FEW = 200, 10
_LOOKED_AT = text("SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'hold'")


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
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await _hold_others(clerk, owner)
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
