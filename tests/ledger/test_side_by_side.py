"""Two steps on one account, the second begun before the first has committed: nothing that either did is lost."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from domain.ids import AccountId
from ledger import book, steps
from ledger.chart import AccountKind
from ledger.legs import StepKey
from ledger.steps import Role
from tests.ledger.clerk import Clerk
from tests.ledger.waits import overtake

HELD_MINOR = 100


class Change(NamedTuple):
    """What a step does to the wallet that has a hold of a hundred, in minor units, and the step itself."""

    available: int
    frozen: int
    step: Callable[[Clerk, AsyncSession, AccountId, StepKey], Awaitable[object]]


async def _try(clerk: Clerk, session: AsyncSession, wallet: AccountId, _: StepKey) -> object:
    return await book.hold(session, clerk.key(), clerk.request(wallet, 7))


async def _cancel(_: Clerk, session: AsyncSession, __: AccountId, held: StepKey) -> object:
    return await book.release(session, held)


async def _confirm(clerk: Clerk, session: AsyncSession, wallet: AccountId, held: StepKey) -> object:
    parties = clerk.parties(wallet_id=wallet, holds={Role.WALLET: held})
    legs = steps.legs(steps.PAYMENT, {"balance_minor": HELD_MINOR}, parties)
    return await clerk.post_in(session, clerk.key("payment"), legs)


async def _top_up(clerk: Clerk, session: AsyncSession, wallet: AccountId, _: StepKey) -> object:
    legs = steps.legs(steps.TOP_UP, {"top_up_minor": 30}, clerk.parties(wallet_id=wallet))
    return await clerk.post_in(session, clerk.key("top_up"), legs)


CHANGES = {
    "try": Change(-7, 7, _try),
    "cancel": Change(HELD_MINOR, -HELD_MINOR, _cancel),
    "confirm": Change(0, -HELD_MINOR, _confirm),
    "top-up": Change(30, 0, _top_up),
}


@pytest.mark.parametrize("first", CHANGES)
@pytest.mark.parametrize("second", CHANGES)
async def test_both_changes_of_one_balance_stay(
    clerk: Clerk, owner: asyncpg.Connection, first: str, second: str
) -> None:
    """A step that waited for another works on what that one left, never on what it had read before."""
    wallet, holds = await clerk.wallet(1000), (clerk.key(), clerk.key())
    for key in holds:
        await clerk.hold(key, clerk.request(wallet, HELD_MINOR))
    one, two = CHANGES[first], CHANGES[second]
    await overtake(
        clerk,
        owner,
        lambda session: one.step(clerk, session, wallet, holds[0]),
        lambda session: two.step(clerk, session, wallet, holds[1]),
    )
    expected = (1000 - 2 * HELD_MINOR + one.available + two.available, 2 * HELD_MINOR + one.frozen + two.frozen)
    assert expected == await clerk.balance(wallet)


async def test_what_commits_after_a_later_posting_was_folded_is_folded_too(clerk: Clerk) -> None:
    """Numbers are given in one order and committed in another: folding goes by what is there, not by the last one."""
    pending = clerk.account(AccountKind.MERCHANT_PENDING)
    await clerk.step(steps.PAYMENT, {"channel_minor": 1})
    early = steps.legs(steps.PAYMENT, {"channel_minor": 10}, clerk.parties())
    async with clerk.session() as session, session.begin():
        await clerk.post_in(session, clerk.key("payment"), early)
        await clerk.step(steps.PAYMENT, {"channel_minor": 200})
        assert 2 == await clerk.fold(pending)
    assert 1 == await clerk.fold(pending)
    assert (211, 0) == await clerk.balance(pending)
