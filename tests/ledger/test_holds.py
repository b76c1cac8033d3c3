"""Try, confirm and cancel of a hold: every order in which they can arrive, also at once (law 3)."""

import asyncio

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import BalanceInsufficient, TryAfterCancel, UnknownAccount
from domain.ids import AccountId
from ledger import book, steps
from ledger.book import HoldOutcome, ReleaseOutcome
from ledger.chart import AccountKind
from ledger.errors import LedgerConflict
from ledger.legs import StepKey
from ledger.steps import Role
from tests.ledger.clerk import Clerk
from tests.ledger.waits import overtake


async def test_a_try_freezes_and_a_repeat_changes_nothing(clerk: Clerk) -> None:
    """The amount moves from available to frozen once."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    assert HoldOutcome.HELD == await clerk.hold(key, clerk.request(wallet, 300))
    assert HoldOutcome.REPLAY == await clerk.hold(key, clerk.request(wallet, 300))
    assert (700, 300) == await clerk.balance(wallet)


async def test_a_cancel_gives_back_and_a_repeat_changes_nothing(clerk: Clerk) -> None:
    """The frozen amount is available again once."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    assert ReleaseOutcome.RELEASED == await clerk.release(key)
    assert ReleaseOutcome.REPLAY == await clerk.release(key)
    assert (1000, 0) == await clerk.balance(wallet)


async def test_a_confirm_takes_the_hold_and_a_repeat_answers_the_first_posting(clerk: Clerk) -> None:
    """A posting consumes the hold it names; the same step again is the same posting."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    posting = clerk.key("payment")
    first = await _confirm(clerk, wallet, key, posting=posting)
    again = await _confirm(clerk, wallet, key, posting=posting)
    assert (first.posting_id, False, True) == (again.posting_id, first.replayed, again.replayed)
    assert (700, 0) == await clerk.balance(wallet)


async def test_an_empty_cancel_leaves_a_tombstone_that_refuses_the_try(clerk: Clerk) -> None:
    """A try that arrives after its cancel is refused with an error of its own and holds nothing."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    assert ReleaseOutcome.TOMBSTONE == await clerk.release(key)
    assert ReleaseOutcome.REPLAY == await clerk.release(key)
    with pytest.raises(TryAfterCancel):
        await clerk.hold(key, clerk.request(wallet, 300))
    assert (1000, 0) == await clerk.balance(wallet)


async def test_a_try_after_a_real_cancel_is_refused(clerk: Clerk) -> None:
    """A released hold is never held again."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await clerk.release(key)
    with pytest.raises(TryAfterCancel):
        await clerk.hold(key, clerk.request(wallet, 300))


async def test_a_try_after_its_confirm_is_a_replay(clerk: Clerk) -> None:
    """A repeated try answers with its first result, also when the saga has moved on."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await _confirm(clerk, wallet, key)
    assert HoldOutcome.REPLAY == await clerk.hold(key, clerk.request(wallet, 300))


async def test_a_confirm_after_a_cancel_is_a_fault(clerk: Clerk) -> None:
    """Money that was given back is not taken, and no business error hides it."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await clerk.release(key)
    with pytest.raises(LedgerConflict):
        await _confirm(clerk, wallet, key)
    assert (1000, 0) == await clerk.balance(wallet)


async def test_a_confirm_without_a_try_is_a_fault(clerk: Clerk) -> None:
    """A confirm debits nothing that its try did not hold (law 6)."""
    wallet = await clerk.wallet(1000)
    with pytest.raises(LedgerConflict):
        await _confirm(clerk, wallet, clerk.key())
    assert (1000, 0) == await clerk.balance(wallet)


async def test_a_cancel_after_a_confirm_is_a_fault(clerk: Clerk) -> None:
    """What was taken is given back by a refund, never by a cancel."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await _confirm(clerk, wallet, key)
    with pytest.raises(LedgerConflict):
        await clerk.release(key)
    assert (700, 0) == await clerk.balance(wallet)


@pytest.mark.parametrize("amount_minor", [299, 301])
async def test_a_confirm_of_another_amount_is_a_fault(clerk: Clerk, amount_minor: int) -> None:
    """A posting takes exactly the hold, not a part of it and not more."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    with pytest.raises(LedgerConflict):
        await _confirm(clerk, wallet, key, amount_minor=amount_minor)
    assert (700, 300) == await clerk.balance(wallet)


async def test_one_hold_does_not_pay_for_another(clerk: Clerk) -> None:
    """Two holds of the same amount on one account are two: each is taken by its own key, once."""
    wallet, key, other = await clerk.wallet(1000), clerk.key(), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await clerk.hold(other, clerk.request(wallet, 300))
    await _confirm(clerk, wallet, key)
    with pytest.raises(LedgerConflict):
        await _confirm(clerk, wallet, key)
    assert (400, 300) == await clerk.balance(wallet)


async def test_the_same_key_with_another_content_is_a_fault(clerk: Clerk) -> None:
    """A once-only key names one amount on one account."""
    wallet, other, key = await clerk.wallet(1000), await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    for request in (clerk.request(wallet, 301), clerk.request(other, 300)):
        with pytest.raises(LedgerConflict):
            await clerk.hold(key, request)
    assert (700, 300) == await clerk.balance(wallet)


async def test_a_cancel_that_meets_an_uncommitted_try_releases_it(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The cancel waits for the try's commit instead of leaving a tombstone beside a hold."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    outcome = await overtake(
        clerk,
        owner,
        lambda session: book.hold(session, key, clerk.request(wallet, 300)),
        lambda session: book.release(session, key),
    )
    assert ReleaseOutcome.RELEASED == outcome
    assert (1000, 0) == await clerk.balance(wallet)


async def test_a_try_that_meets_an_uncommitted_cancel_is_refused(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The try waits for the tombstone's commit."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    with pytest.raises(TryAfterCancel):
        await overtake(
            clerk,
            owner,
            lambda session: book.release(session, key),
            lambda session: book.hold(session, key, clerk.request(wallet, 300)),
        )
    assert (1000, 0) == await clerk.balance(wallet)


async def test_a_cancel_that_meets_an_uncommitted_confirm_is_a_fault(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The same hold is either taken or given back: whoever commits first decides."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    with pytest.raises(LedgerConflict):
        await overtake(
            clerk,
            owner,
            lambda session: _confirm_in(session, clerk, wallet, key),
            lambda session: book.release(session, key),
        )
    assert (700, 0) == await clerk.balance(wallet)


async def test_a_confirm_that_meets_an_uncommitted_cancel_is_a_fault(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The other order."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    with pytest.raises(LedgerConflict):
        await overtake(
            clerk,
            owner,
            lambda session: book.release(session, key),
            lambda session: _confirm_in(session, clerk, wallet, key),
        )
    assert (1000, 0) == await clerk.balance(wallet)


async def test_a_cancel_that_waits_for_the_account_keeps_no_hold_locked(
    clerk: Clerk, owner: asyncpg.Connection
) -> None:
    """Account first, then its hold: a confirm that has the account is never stopped by a cancel that waits for it."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    with pytest.raises(LedgerConflict):
        await overtake(
            clerk,
            owner,
            lambda session: book.hold(session, clerk.key(), clerk.request(wallet, 1)),
            lambda session: book.release(session, key),
            then=lambda session: _confirm_in(session, clerk, wallet, key),
        )
    assert (699, 1) == await clerk.balance(wallet)


async def test_fifty_holds_at_once_never_take_more_than_there_is(clerk: Clerk) -> None:
    """The guard and the change are one statement: ten of fifty fit."""
    wallet = await clerk.wallet(1000)
    tries = [clerk.hold(clerk.key(), clerk.request(wallet, 100)) for _ in range(50)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert 10 == outcomes.count(HoldOutcome.HELD)
    assert 40 == sum(isinstance(outcome, BalanceInsufficient) for outcome in outcomes)
    assert (0, 1000) == await clerk.balance(wallet)


async def test_fifty_repeats_of_one_try_hold_once(clerk: Clerk) -> None:
    """One of them holds, the others answer as it did."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    outcomes = await asyncio.gather(*[clerk.hold(key, clerk.request(wallet, 100)) for _ in range(50)])
    assert {HoldOutcome.HELD: 1, HoldOutcome.REPLAY: 49} == {kind: outcomes.count(kind) for kind in HoldOutcome}
    assert (900, 100) == await clerk.balance(wallet)


async def test_a_credit_limit_is_a_floor_below_zero(clerk: Clerk) -> None:
    """A wallet with a credit limit may be held down to it and not one minor unit below."""
    wallet = await clerk.wallet(floor_minor=-500)
    await clerk.hold(clerk.key(), clerk.request(wallet, 500))
    with pytest.raises(BalanceInsufficient):
        await clerk.hold(clerk.key(), clerk.request(wallet, 1))
    assert (-500, 500) == await clerk.balance(wallet)


async def test_a_hold_on_pending_money_finds_what_waits_in_the_inbox(clerk: Clerk) -> None:
    """A deferred account folds on demand, and stays guarded."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 1000})
    pending = clerk.account(AccountKind.MERCHANT_PENDING)
    assert HoldOutcome.HELD == await clerk.hold(clerk.key(), clerk.request(pending, 1000))
    with pytest.raises(BalanceInsufficient):
        await clerk.hold(clerk.key(), clerk.request(pending, 1))
    assert (0, 1000) == await clerk.balance(pending)


async def test_an_open_account_takes_no_hold(clerk: Clerk) -> None:
    """An open account has no guard, so nothing can be reserved in it."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 1000})
    with pytest.raises(LedgerConflict):
        await clerk.hold(
            clerk.key(), clerk.request(clerk.account(AccountKind.CHANNEL_CLEARING, clerk.channel_account_id), 1)
        )


async def test_a_hold_on_no_account_is_refused(clerk: Clerk) -> None:
    """An account that does not exist is unknown, and its try leaves no hold."""
    key = clerk.key()
    with pytest.raises(UnknownAccount, match="no account acc_none"):
        await clerk.hold(key, clerk.request(AccountId("acc_none"), 1))
    assert ReleaseOutcome.TOMBSTONE == await clerk.release(key)


async def _confirm(
    clerk: Clerk, wallet: AccountId, hold: StepKey, *, amount_minor: int = 300, posting: StepKey | None = None
) -> book.PostResult:
    holds = {Role.WALLET: hold}
    return await clerk.step(steps.PAYMENT, {"balance_minor": amount_minor}, key=posting, wallet_id=wallet, holds=holds)


async def _confirm_in(session: AsyncSession, clerk: Clerk, wallet: AccountId, hold: StepKey) -> book.PostResult:
    parties = clerk.parties(wallet_id=wallet, holds={Role.WALLET: hold})
    return await clerk.post_in(
        session, clerk.key("payment"), steps.legs(steps.PAYMENT, {"balance_minor": 300}, parties)
    )
