"""Many postings at once: no deadlock, no lost update, sums as if they had come one by one."""

import asyncio
import random

import pytest

from domain.errors import BalanceInsufficient
from ledger import book, steps
from ledger.chart import AccountKind
from ledger.errors import LedgerConflict
from ledger.steps import Role
from tests.ledger.clerk import Clerk


async def test_opposing_transfers_end_at_zero(clerk: Clerk) -> None:
    """A hundred transfers one way and a hundred the other leave both wallets as they were."""
    one, two = await clerk.wallet(1000), await clerk.wallet(1000)
    transfers = [clerk.transfer(giver, taker, 7) for giver, taker in [(one, two), (two, one)] * 100]
    results = await asyncio.gather(*transfers, return_exceptions=True)
    refused = [result for result in results if not isinstance(result, book.PostResult)]
    assert [] == refused
    assert [(1000, 0), (1000, 0)] == [await clerk.balance(one), await clerk.balance(two)]


async def test_a_ring_of_transfers_has_no_deadlock(clerk: Clerk) -> None:
    """Whichever way money runs, accounts are locked in one order; a wallet without money only refuses."""
    ring = [await clerk.wallet(300) for _ in range(6)]
    pairs = [random.Random(number).sample(ring, 2) for number in range(200)]  # noqa: S311 - which pairs is no secret
    results = await asyncio.gather(*[clerk.transfer(one, two, 50) for one, two in pairs], return_exceptions=True)
    assert {book.PostResult} >= {type(result) for result in results} - {BalanceInsufficient}
    balances = [await clerk.balance(wallet) for wallet in ring]
    assert (1800, 0) == (sum(available for available, _ in balances), sum(frozen for _, frozen in balances))


async def test_confirm_and_cancel_of_one_hold_at_once_do_one_of_both(clerk: Clerk) -> None:
    """Forty holds, each confirmed and cancelled at the same moment: each ends one way."""
    wallet = await clerk.wallet(4000)
    keys = [clerk.key() for _ in range(40)]
    for key in keys:
        await clerk.hold(key, clerk.request(wallet, 100))
    confirms = [
        clerk.step(steps.PAYMENT, {"balance_minor": 100}, wallet_id=wallet, holds={Role.WALLET: key}) for key in keys
    ]
    both = [call for pair in zip(confirms, map(clerk.release, keys), strict=True) for call in pair]
    results = await asyncio.gather(*both, return_exceptions=True)
    confirmed = sum(isinstance(result, book.PostResult) for result in results)
    assert 40 == sum(isinstance(result, LedgerConflict) for result in results)
    assert 40 - confirmed == results.count(book.ReleaseOutcome.RELEASED)
    assert (4000 - 100 * confirmed, 0) == await clerk.balance(wallet)


async def test_refund_settlement_payment_and_fold_of_one_merchant_have_no_deadlock(clerk: Clerk) -> None:
    """Deferred and strict accounts of one merchant are used together from all sides while the folder runs."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 100_000})
    await clerk.step(steps.SETTLEMENT, {"settled_minor": 50_000})
    pending, available = (
        clerk.account(AccountKind.MERCHANT_PENDING),
        clerk.account(AccountKind.MERCHANT_AVAILABLE),
    )
    calls = [call for number in range(30) for call in _one_round(clerk, number)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [] == [result for result in results if isinstance(result, Exception)]
    await clerk.fold(pending)
    assert (50_000 + 30 * (1000 - 100 - 50), 0) == await clerk.balance(pending)
    assert (50_000 + 30 * (100 - 70), 0) == await clerk.balance(available)


def _one_round(clerk: Clerk, number: int) -> list[asyncio.Future[object]]:
    refund = {"pending_minor": 50, "available_minor": 70, "channel_minor": 120}
    coroutines = [
        clerk.step(steps.PAYMENT, {"channel_minor": 1000}),
        clerk.step(steps.SETTLEMENT, {"settled_minor": 100}),
        _refund(clerk, refund),
        clerk.fold(clerk.account(AccountKind.MERCHANT_PENDING)),
    ]
    random.Random(number).shuffle(coroutines)  # noqa: S311 - which order is no secret
    return [asyncio.ensure_future(coroutine) for coroutine in coroutines]


async def _refund(clerk: Clerk, amounts: dict[str, int]) -> book.PostResult:
    holds = {Role.PENDING: clerk.key("pending"), Role.AVAILABLE: clerk.key("available")}
    for role, key in holds.items():
        amount_minor = amounts["pending_minor" if role is Role.PENDING else "available_minor"]
        await clerk.hold(key, clerk.request(clerk.account(AccountKind(role.value)), amount_minor))
    return await clerk.step(steps.REFUND, amounts, holds=holds)


@pytest.mark.parametrize("folders", [1, 3])
async def test_folding_while_money_comes_in_loses_nothing(clerk: Clerk, folders: int) -> None:
    """The sum is the same at every moment, however often and by however many the inbox is folded."""
    pending = clerk.account(AccountKind.MERCHANT_PENDING)
    await clerk.step(steps.PAYMENT, {"channel_minor": 1})
    coming = asyncio.gather(*[clerk.step(steps.PAYMENT, {"channel_minor": 10}) for _ in range(150)])
    seen = [(await clerk.read(pending)).total_minor]
    while not coming.done():
        await asyncio.gather(*[clerk.fold(pending) for _ in range(folders)])
        seen.append((await clerk.read(pending)).total_minor)
    assert sorted(seen) == seen
    assert 1501 == (await clerk.read(pending)).total_minor
