"""Funds as a TCC participant (law 3), on real PostgreSQL: whatever order the calls come in, the balance is right."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from activities.funds import Funds
from domain.errors import BalanceInsufficient, TryAfterCancel
from ledger.errors import LedgerConflict
from store.database import Database
from tests.activities.till import Till
from tests.support.servers import Addresses

funds = Funds()


@pytest.fixture
async def till(addresses: Addresses) -> AsyncIterator[Till]:
    database = Database.connect(addresses.database_url, pool_size=20)
    yield await Till(database).open()
    await database.close()


async def test_each_call_again_changes_nothing(till: Till) -> None:
    """Held once, and taken out of the hold once."""
    wallet_id = await till.wallet(1_000)
    payment_id = await till.payment(wallet_id=wallet_id, amount_minor=300)
    for _ in range(2):
        await till.try_(funds, payment_id)
        assert (700, 300) == await till.balance(wallet_id)
    for _ in range(2):
        await till.confirm(funds, payment_id)
        assert (700, 0) == await till.balance(wallet_id)
    await till.try_(funds, payment_id)
    assert (700, 0) == await till.balance(wallet_id)


async def test_a_cancel_gives_back_once(till: Till) -> None:
    """A repeat gives back nothing more, and a late try of the same payment is refused."""
    wallet_id = await till.wallet(1_000)
    payment_id = await till.payment(wallet_id=wallet_id, amount_minor=300)
    await till.try_(funds, payment_id)
    for _ in range(2):
        await till.cancel(funds, payment_id)
        assert (1_000, 0) == await till.balance(wallet_id)
    with pytest.raises(TryAfterCancel):
        await till.try_(funds, payment_id)


async def test_an_empty_cancel_bars_the_try_that_comes_later(till: Till) -> None:
    """The tombstone: no money is frozen that nobody will ever release."""
    wallet_id = await till.wallet(1_000)
    payment_id = await till.payment(wallet_id=wallet_id)
    for _ in range(2):
        await till.cancel(funds, payment_id)
    with pytest.raises(TryAfterCancel):
        await till.try_(funds, payment_id)
    assert (1_000, 0) == await till.balance(wallet_id)


async def test_a_cancel_after_the_confirm_is_a_fault(till: Till) -> None:
    """It compensates nothing (law 7): what is posted stays posted."""
    wallet_id = await till.wallet(1_000)
    payment_id = await till.payment(wallet_id=wallet_id)
    await till.try_(funds, payment_id)
    await till.confirm(funds, payment_id)
    with pytest.raises(LedgerConflict):
        await till.cancel(funds, payment_id)
    assert (900, 0) == await till.balance(wallet_id)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_confirm_of_what_is_not_held_is_a_fault(till: Till, *, cancelled: bool) -> None:
    """Law 6: a confirm debits only out of the hold that its try made."""
    wallet_id = await till.wallet(1_000)
    payment_id = await till.payment(wallet_id=wallet_id)
    if cancelled:
        await till.cancel(funds, payment_id)
    with pytest.raises(LedgerConflict):
        await till.confirm(funds, payment_id)
    assert (1_000, 0) == await till.balance(wallet_id)


async def test_a_cancel_that_overtakes_its_try_wins(till: Till) -> None:
    """The try waits for the cancel's commit, and is refused."""
    wallet_id = await till.wallet(1_000)
    payment_id = await till.payment(wallet_id=wallet_id)
    with pytest.raises(TryAfterCancel):
        await till.overtake(
            lambda session: funds.cancel(session, payment_id), lambda session: funds.try_(session, payment_id)
        )
    assert (1_000, 0) == await till.balance(wallet_id)


async def test_a_cancel_during_its_try_waits_and_gives_back(till: Till) -> None:
    """It does not take the uncommitted try for none."""
    wallet_id = await till.wallet(1_000)
    payment_id = await till.payment(wallet_id=wallet_id)
    await till.overtake(
        lambda session: funds.try_(session, payment_id), lambda session: funds.cancel(session, payment_id)
    )
    assert (1_000, 0) == await till.balance(wallet_id)


async def test_tries_and_cancels_at_once_leave_nothing_frozen(till: Till) -> None:
    """Either order is right; a refused try is the only other answer."""
    wallet_id = await till.wallet(10_000)
    payments = [await till.payment(wallet_id=wallet_id) for _ in range(8)]
    calls = [call for one in payments for call in (till.try_(funds, one), till.cancel(funds, one))]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(None), TryAfterCancel} >= {type(result) for result in results}
    assert (10_000, 0) == await till.balance(wallet_id)


async def test_the_same_money_is_held_for_one_of_two(till: Till) -> None:
    """The other payment is refused; a wallet never goes below its floor."""
    wallet_id = await till.wallet(100)
    payments = [await till.payment(wallet_id=wallet_id) for _ in range(2)]
    results = await asyncio.gather(*(till.try_(funds, one) for one in payments), return_exceptions=True)
    assert {type(None), BalanceInsufficient} == {type(result) for result in results}
    assert (0, 100) == await till.balance(wallet_id)


async def test_a_refused_try_may_be_cancelled(till: Till) -> None:
    """The undo is owed to every branch; after a refusal it leaves a tombstone."""
    wallet_id = await till.wallet(99)
    payment_id = await till.payment(wallet_id=wallet_id)
    with pytest.raises(BalanceInsufficient):
        await till.try_(funds, payment_id)
    await till.cancel(funds, payment_id)
    assert (99, 0) == await till.balance(wallet_id)
