"""Postings: once only, balanced, guarded by net, and only out of accounts of the merchant that asks."""

import asyncio

import asyncpg
import pytest

from domain.errors import AccountBlocked, AccountClosed, BalanceInsufficient, CurrencyMismatch, UnknownAccount
from domain.ids import AccountId
from domain.money import Currency
from ledger import accounts, book, steps
from ledger.chart import AccountKind
from ledger.errors import LedgerConflict, UnbalancedPosting
from ledger.legs import Leg
from ledger.steps import Role
from tests.ledger.clerk import CNY, EVENT_AT, Clerk
from tests.ledger.waits import overtake, side_by_side


def wallet_leg(account_id: AccountId, amount_minor: int, *, currency: Currency = CNY) -> Leg:
    """A leg on a wallet, without a hold."""
    return Leg(
        account_id=account_id,
        account_kind=AccountKind.WALLET,
        currency=currency,
        amount_minor=amount_minor,
        kind="transfer",
        object_id="test",
    )


async def test_fifty_identical_postings_at_once_are_one(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The gate lets one through; the others wait for it and answer with its posting."""
    key = clerk.key("payment")
    posts = [clerk.step(steps.PAYMENT, {"channel_minor": 10000, "fee_minor": 60}, key=key) for _ in range(50)]
    results = await asyncio.gather(*posts)
    assert 1 == len({result.posting_id for result in results})
    assert 1 == sum(not result.replayed for result in results)
    assert 1 == await owner.fetchval("SELECT count(*) FROM posting WHERE biz_id = $1", key.biz_id)
    assert 9940 == (await clerk.read(clerk.account(AccountKind.MERCHANT_PENDING))).total_minor


async def test_the_same_step_with_other_legs_is_a_fault(clerk: Clerk) -> None:
    """A replay answers only for what was posted; other legs under the key are refused."""
    key = clerk.key("payment")
    await clerk.step(steps.PAYMENT, {"channel_minor": 10000}, key=key)
    with pytest.raises(LedgerConflict, match="other legs"):
        await clerk.step(steps.PAYMENT, {"channel_minor": 10001}, key=key)
    assert 10000 == (await clerk.read(clerk.account(AccountKind.MERCHANT_PENDING))).total_minor


async def test_the_same_step_of_another_merchant_is_a_fault(clerk: Clerk) -> None:
    """Whose posting it is belongs to what the key stands for."""
    one, two, key = await clerk.wallet(100), await clerk.wallet(), clerk.key("transfer")
    legs = (wallet_leg(one, -100), wallet_leg(two, 100))
    await clerk.post(key, legs)
    with pytest.raises(LedgerConflict):
        await clerk.post(key, legs, merchant_id="mer_other")


async def test_a_posting_whose_first_call_rolled_back_is_posted_by_the_second(clerk: Clerk) -> None:
    """A gate is passed only by a commit."""
    key, parties = clerk.key("top_up"), clerk.parties(wallet_id=await clerk.wallet())
    legs = steps.legs(steps.TOP_UP, {"top_up_minor": 100}, parties)
    async with clerk.session() as session:
        await clerk.post_in(session, key, legs)
    assert not (await clerk.post(key, legs)).replayed


@pytest.mark.parametrize("amounts", [(-100, 99), (-100,), (), (-100, 100, 0)])
async def test_legs_that_do_not_balance_are_a_fault(clerk: Clerk, amounts: tuple[int, ...]) -> None:
    """A posting has two legs or more, none of them zero, that sum to zero."""
    wallet = await clerk.wallet(1000)
    with pytest.raises(UnbalancedPosting):
        await clerk.post(clerk.key(), tuple(wallet_leg(wallet, amount_minor) for amount_minor in amounts))


async def test_two_currencies_balance_each_for_itself(clerk: Clerk) -> None:
    """Yuan do not pay for dollars."""
    wallet = await clerk.wallet(1000)
    with pytest.raises(UnbalancedPosting):
        await clerk.post(clerk.key(), (wallet_leg(wallet, -100), wallet_leg(wallet, 100, currency=Currency.USD)))


async def test_a_leg_in_another_currency_than_its_account_is_refused(clerk: Clerk) -> None:
    """An account has one currency."""
    one, two = await clerk.wallet(1000), await clerk.wallet()
    dollars = (wallet_leg(one, -100, currency=Currency.USD), wallet_leg(two, 100, currency=Currency.USD))
    with pytest.raises(CurrencyMismatch):
        await clerk.post(clerk.key(), dollars)


async def test_a_wallet_is_not_opened_by_a_posting(clerk: Clerk) -> None:
    """Money does not go to a wallet that nobody opened."""
    with pytest.raises(UnknownAccount):
        await clerk.step(steps.TOP_UP, {"top_up_minor": 100}, wallet_id=AccountId("acc_none"))


async def test_a_debit_beyond_the_balance_is_refused_and_leaves_nothing(
    clerk: Clerk, owner: asyncpg.Connection
) -> None:
    """The floor is guarded; neither gate nor posting remain."""
    one, two, key = await clerk.wallet(99), await clerk.wallet(), clerk.key("transfer")
    with pytest.raises(BalanceInsufficient):
        await clerk.post(key, (wallet_leg(one, -100), wallet_leg(two, 100)))
    assert 0 == await owner.fetchval("SELECT count(*) FROM ledger_step WHERE biz_id = $1", key.biz_id)
    assert [(99, 0), (0, 0)] == [await clerk.balance(one), await clerk.balance(two)]


async def test_the_guard_looks_at_the_net_of_an_account(clerk: Clerk) -> None:
    """Legs are written gross: a debit of 100 with a credit of 40 needs 60."""
    one, two = await clerk.wallet(60), await clerk.wallet()
    await clerk.post(clerk.key(), (wallet_leg(one, -100), wallet_leg(one, 40), wallet_leg(two, 60)))
    assert [(0, 0), (60, 0)] == [await clerk.balance(one), await clerk.balance(two)]


async def test_another_merchants_wallet_is_unknown(clerk: Clerk) -> None:
    """Only the merchant that opened an account holds or debits it; everybody may credit it."""
    one, two = await clerk.wallet(1000), await clerk.wallet()
    with pytest.raises(UnknownAccount):
        await clerk.hold(clerk.key(), clerk.request(one, 1, merchant_id="mer_other"))
    with pytest.raises(UnknownAccount):
        await clerk.post(clerk.key(), (wallet_leg(one, -1), wallet_leg(two, 1)), merchant_id="mer_other")
    assert (1000, 0) == await clerk.balance(one)


async def test_a_blocked_account_takes_credits_and_confirms_but_no_new_debit(clerk: Clerk) -> None:
    """A block stops what is new; a hold that was made before is still taken (law 6)."""
    wallet, other, key = await clerk.wallet(1000), await clerk.wallet(), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await _block(clerk, wallet)
    with pytest.raises(AccountBlocked):
        await clerk.hold(clerk.key(), clerk.request(wallet, 1))
    with pytest.raises(AccountBlocked):
        await clerk.transfer(wallet, other, 1)
    await clerk.step(steps.PAYMENT, {"balance_minor": 300}, wallet_id=wallet, holds={Role.WALLET: key})
    await clerk.step(steps.TOP_UP, {"top_up_minor": 50}, wallet_id=wallet)
    assert (750, 0) == await clerk.balance(wallet)


async def test_a_hold_of_a_blocked_account_can_be_released(clerk: Clerk) -> None:
    """A cancel never meets a refusal."""
    wallet, key = await clerk.wallet(1000), clerk.key()
    await clerk.hold(key, clerk.request(wallet, 300))
    await _block(clerk, wallet)
    assert book.ReleaseOutcome.RELEASED == await clerk.release(key)


async def test_a_closed_account_takes_nothing(clerk: Clerk) -> None:
    """Neither holds, debits nor credits."""
    closed, other = await clerk.wallet(), await clerk.wallet(100)
    async with clerk.session() as session, session.begin():
        await accounts.close_account(session, closed)
    with pytest.raises(AccountClosed):
        await clerk.hold(clerk.key(), clerk.request(closed, 1))
    with pytest.raises(AccountClosed):
        await clerk.transfer(other, closed, 1)
    assert (100, 0) == await clerk.balance(other)


async def test_a_debit_of_pending_money_folds_on_demand(clerk: Clerk) -> None:
    """Settlement takes what waits in the inbox, and not one minor unit more."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 1000, "fee_minor": 6})
    with pytest.raises(BalanceInsufficient):
        await clerk.step(steps.SETTLEMENT, {"settled_minor": 995})
    await clerk.step(steps.SETTLEMENT, {"settled_minor": 994})
    assert (0, 0) == await clerk.balance(clerk.account(AccountKind.MERCHANT_PENDING))
    assert (994, 0) == await clerk.balance(clerk.account(AccountKind.MERCHANT_AVAILABLE))


async def test_a_correction_names_what_it_corrects(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """What is posted stays; a correction is a new posting that names it."""
    one, two = await clerk.wallet(1000), await clerk.wallet()
    wrong = await clerk.transfer(one, two, 100)
    legs = (wallet_leg(two, -100), wallet_leg(one, 100))
    request = book.PostRequest(
        merchant_id=None, event_at=EVENT_AT, legs=legs, memo="wrong receiver", corrects=wrong.posting_id
    )
    async with clerk.session() as session, session.begin():
        correction = await book.post(session, clerk.key("correction"), request)
    corrected = await owner.fetchval("SELECT corrects FROM posting WHERE id = $1", correction.posting_id)
    assert wrong.posting_id == corrected


async def test_a_payment_waits_for_no_open_account(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """Two payments of one merchant run side by side: neither waits for the other's commit."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 1, "fee_minor": 1})
    legs = steps.legs(steps.PAYMENT, {"channel_minor": 10000, "fee_minor": 60}, clerk.parties())
    waited, _ = await side_by_side(
        clerk,
        owner,
        lambda session: clerk.post_in(session, clerk.key("payment"), legs),
        lambda session: clerk.post_in(session, clerk.key("payment"), legs),
    )
    assert not waited


async def test_an_account_that_two_postings_open_at_once_is_one(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """The second waits for the account that the first is opening, then uses it."""
    legs = steps.legs(steps.PAYMENT, {"channel_minor": 100, "fee_minor": 1}, clerk.parties())
    await overtake(
        clerk,
        owner,
        lambda session: clerk.post_in(session, clerk.key("payment"), legs),
        lambda session: clerk.post_in(session, clerk.key("payment"), legs),
    )
    assert 198 == (await clerk.read(clerk.account(AccountKind.MERCHANT_PENDING))).total_minor


async def test_a_fee_account_that_was_emptied_still_gives_back_a_fee(clerk: Clerk) -> None:
    """The platform's fee account is open: what it paid out before stops no refund."""
    fee_account = clerk.account(AccountKind.PLATFORM_FEE, "platform")
    await clerk.step(steps.PAYMENT, {"channel_minor": 10_000, "fee_minor": 60})
    await clerk.fold(fee_account)
    earned = (await clerk.read(fee_account)).available_minor
    hold = clerk.key()
    await clerk.hold(hold, clerk.request(clerk.account(AccountKind.MERCHANT_PENDING), 9_940))
    await _empty(clerk, earned)
    amounts = {"pending_minor": 10_000, "pending_fee_minor": 60, "channel_minor": 10_000}
    await clerk.step(steps.REFUND, amounts, holds={Role.PENDING: hold})
    assert (0, 0) == await clerk.balance(clerk.account(AccountKind.MERCHANT_PENDING))


async def _empty(clerk: Clerk, amount_minor: int) -> None:
    """All fees leave to our bank, as legs that no step of the table has."""
    there, back = steps.legs(steps.CHANNEL_SETTLEMENT, {"settled_minor": amount_minor}, clerk.parties())
    fee = there.model_copy(
        update={
            "account_id": clerk.account(AccountKind.PLATFORM_FEE, "platform"),
            "account_kind": AccountKind.PLATFORM_FEE,
            "owner": "platform",
            "amount_minor": -amount_minor,
        }
    )
    await clerk.post(clerk.key("fees_taken"), (fee, back.model_copy(update={"amount_minor": amount_minor})))


async def _block(clerk: Clerk, account_id: AccountId) -> None:
    async with clerk.session() as session, session.begin():
        await accounts.block_account(session, account_id, "court order")
