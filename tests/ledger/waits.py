"""Two transactions side by side: one has done its step and not committed when the other begins."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.ledger.clerk import Clerk

Answer = TypeVar("Answer")
Step = Callable[[AsyncSession], Awaitable[Answer]]


async def nothing(session: AsyncSession) -> None:
    """The first has nothing more to do before it commits."""
    assert session.in_transaction()


async def overtake(
    clerk: Clerk,
    owner: asyncpg.Connection,
    first: Step[object],
    second: Step[Answer],
    *,
    then: Step[object] = nothing,
) -> Answer:
    """The second's answer; it was seen to wait for the first, which does `then` meanwhile and commits."""
    waited, answer = await side_by_side(clerk, owner, first, second, then=then)
    assert waited
    return answer


async def side_by_side(
    clerk: Clerk,
    owner: asyncpg.Connection,
    first: Step[object],
    second: Step[Answer],
    *,
    then: Step[object] = nothing,
) -> tuple[bool, Answer]:
    """Whether the second waited for the first's commit, and its answer."""
    async with clerk.session() as holder, clerk.session() as waiter:
        await first(holder)
        backend = (await waiter.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        answering = asyncio.ensure_future(second(waiter))
        while not (answering.done() or await _waits(owner, backend)):
            continue
        waited = not answering.done()
        await then(holder)
        await holder.commit()
        answer = await answering
        await waiter.commit()
    return waited, answer


async def _waits(owner: asyncpg.Connection, backend: int) -> bool:
    return bool(await owner.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", backend))
