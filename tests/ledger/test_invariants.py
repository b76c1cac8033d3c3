"""The invariants are queries that return nothing while the book is sound, and each sees its own corruption."""

import asyncpg
import pytest

from ledger import steps
from ledger.chart import AccountKind
from ledger.sql import invariants
from tests.ledger.clerk import Clerk
from tests.ledger.soundness import broken

#: For each invariant: what breaks it and nothing else.
CORRUPTIONS = {
    # Two postings exchange one minor unit on one account: its sum, and the book's, stay.
    "01_postings_sum_to_zero": """
        UPDATE entry SET amount_minor = amount_minor + CASE amount_minor WHEN -70 THEN -1 ELSE 1 END
        WHERE account_id = '{wallet}' AND amount_minor IN (-70, 1000)
    """,
    "02_book_sums_to_zero": "INSERT INTO account (id, kind, owner, currency, class, available) VALUES"
    " ('loss:gone:CNY', 'loss', 'gone', 'CNY', 'open', -5)",
    "03_balance_is_sum_of_entries": """
        UPDATE account SET available = available + CASE id WHEN '{wallet}' THEN -1 ELSE 1 END
        WHERE id IN ('{wallet}', '{other}')
    """,
    "04_frozen_is_sum_of_holds": "UPDATE account SET available = available - 1, frozen = frozen + 1"
    " WHERE id = '{wallet}'",
    "05_guarded_accounts_above_floor": """
        ALTER TABLE account DROP CONSTRAINT account_above_floor;
        UPDATE account SET floor = 0, available = available WHERE id = '{credit}'
    """,
    "06_entry_in_currency_of_account": "UPDATE entry SET currency = 'USD' WHERE posting_id = {newest}",
    "07_no_lone_and_no_orphan_entry": """
        INSERT INTO posting (id, biz_type, biz_id, step, event_at, booked_on)
        VALUES (uuidv7(), 'x', '{merchant}', 'x', now(), now());
        INSERT INTO ledger_step SELECT biz_type, biz_id, step, id, '' FROM posting WHERE biz_id = '{merchant}'
    """,
    "08_one_posting_per_step": "UPDATE ledger_step SET step = 'other' WHERE posting_id = {newest}",
    "09_inbox_row_has_its_entry": "UPDATE inbox SET posting_id = uuidv7() WHERE account_id = '{pending}'",
}
# A balance without entries is seen from two sides.
#: What is few enough to be looked at as a whole every time: balances, open holds and accounts that have one.
ALWAYS_WHOLE = {"02_book_sums_to_zero", "04_frozen_is_sum_of_holds"}
SEEN_WITH = {"02_book_sums_to_zero": {"03_balance_is_sum_of_entries"}}


async def test_the_book_that_the_tests_wrote_is_sound(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """Payments, holds, transfers and receipts leave every invariant true, folded or not."""
    await _write_something(clerk)
    assert [] == await broken(owner)


@pytest.mark.parametrize("name", CORRUPTIONS)
async def test_a_corruption_is_seen_by_its_own_invariant(clerk: Clerk, owner: asyncpg.Connection, name: str) -> None:
    """An invariant that cannot fail proves nothing; one corruption is one finding."""
    names = await _write_something(clerk)
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute(CORRUPTIONS[name].format(**names))
        assert {name} | SEEN_WITH.get(name, set()) == set(await broken(owner))
    finally:
        await transaction.rollback()


def test_every_invariant_is_corrupted_here() -> None:
    """A query that is added is tested."""
    assert set(invariants()) == set(CORRUPTIONS)


@pytest.mark.parametrize("name", CORRUPTIONS)
async def test_what_changed_before_is_left_alone(clerk: Clerk, owner: asyncpg.Connection, name: str) -> None:
    """A look at what changed since a moment passes over older corruptions, and sees those that came after it."""
    before = await owner.fetchval("SELECT clock_timestamp()")
    names = await _write_something(clerk)
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute(CORRUPTIONS[name].format(**names))
        after = await owner.fetchval("SELECT clock_timestamp()")
        assert name in await broken(owner, before)
        assert (name in ALWAYS_WHOLE) == (name in await broken(owner, after))
    finally:
        await transaction.rollback()


async def _write_something(clerk: Clerk) -> dict[str, str]:
    wallet, other, credit = await clerk.wallet(1000), await clerk.wallet(), await clerk.wallet(floor_minor=-500)
    await clerk.hold(clerk.key(), clerk.request(wallet, 300))
    await clerk.transfer(credit, other, 200)
    await clerk.transfer(wallet, other, 70)
    await clerk.step(steps.UNAPPLIED_RECEIPT, {"received_minor": 500})
    newest = await clerk.step(steps.PAYMENT, {"channel_minor": 1000, "fee_minor": 6})
    return {
        "newest": f"'{newest.posting_id}'",
        "wallet": wallet,
        "other": other,
        "credit": credit,
        "merchant": clerk.merchant_id,
        "pending": clerk.account(AccountKind.MERCHANT_PENDING),
    }
