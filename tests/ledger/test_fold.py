"""Folding: a loop that adds inbox rows to their accounts, harmless twice, and never in anybody's way."""

import asyncpg
from sqlalchemy import text

from ledger import book, steps
from ledger.chart import AccountKind
from tests.ledger.clerk import Clerk
from tests.ledger.waits import overtake


async def test_a_posting_leaves_one_inbox_row_per_account(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """Entries are gross, the inbox is net: 10000 and −60 wait as 9940."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 10000, "fee_minor": 60})
    rows = await owner.fetch(
        "SELECT amount_minor FROM inbox WHERE account_id = $1", clerk.account(AccountKind.MERCHANT_PENDING)
    )
    assert [9940] == [row["amount_minor"] for row in rows]


async def test_folding_twice_adds_once(clerk: Clerk) -> None:
    """The row contains the inbox afterwards; there is nothing left for a second time."""
    pending = clerk.account(AccountKind.MERCHANT_PENDING)
    for _ in range(3):
        await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    assert [3, 0] == [await clerk.fold(pending), await clerk.fold(pending)]
    assert (300, 0) == await clerk.balance(pending)


async def test_an_open_account_folds_below_zero(clerk: Clerk) -> None:
    """Open accounts have no floor."""
    clearing = clerk.account(AccountKind.CHANNEL_CLEARING, clerk.channel_account_id)
    await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    assert 1 == await clerk.fold(clearing)
    assert (-100, 0) == await clerk.balance(clearing)


async def test_the_folder_passes_over_an_account_in_use(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The loop waits for nobody: what is locked now is folded next time."""
    pending = clerk.account(AccountKind.MERCHANT_PENDING)
    await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    async with clerk.session() as user:
        await book.hold(user, clerk.key(), clerk.request(pending, 1))  # folds what is there and keeps the lock
        await clerk.step(steps.PAYMENT, {"channel_minor": 200})
        assert [200] == await _waiting(owner, pending, folded_by=clerk)
        await user.rollback()
    assert [] == await _waiting(owner, pending, folded_by=clerk)
    assert (300, 0) == await clerk.balance(pending)


async def test_a_fold_that_waits_for_the_account_keeps_no_inbox_row_locked(
    clerk: Clerk, owner: asyncpg.Connection
) -> None:
    """Account first, then its inbox: a hold that has the account can fold it while a folder waits."""
    pending = clerk.account(AccountKind.MERCHANT_PENDING)
    await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    await clerk.fold(pending)
    await clerk.step(steps.PAYMENT, {"channel_minor": 200})
    folded = await overtake(
        clerk,
        owner,
        lambda session: book.hold(session, clerk.key(), clerk.request(pending, 1)),
        lambda session: book.fold(session, pending),
        then=lambda session: book.hold(session, clerk.key(), clerk.request(pending, 299)),
    )
    assert 0 == folded
    assert (0, 300) == await clerk.balance(pending)


async def _waiting(owner: asyncpg.Connection, account_id: str, *, folded_by: Clerk) -> list[int]:
    """What of the account is in the inbox after the loop ran once."""
    async with folded_by.session() as session, session.begin():
        await session.execute(text("SET LOCAL lock_timeout = '1s'"))
        await book.fold_some(session, accounts_max=10_000)
    rows = await owner.fetch("SELECT amount_minor FROM inbox WHERE account_id = $1 AND amount_minor <> 100", account_id)
    return [row["amount_minor"] for row in rows]
