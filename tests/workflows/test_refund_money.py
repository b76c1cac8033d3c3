"""Whose money a refund is: the merchant's, in the order of the design, or what the merchant holds itself."""

import pytest

from tests.support.books import balances
from tests.support.centre import Centre
from tests.support.refunds import Refunds
from tests.support.shop import PRICE_MINOR, WALLET_MINOR, Shop

AMOUNT_MINOR = 2 * PRICE_MINOR
FEE_MINOR = 24  # 0.6 % of 40.00
FIXED_MINOR = 10


@pytest.fixture
async def refunds(shop: Shop) -> Refunds:
    return Refunds(shop)


@pytest.fixture
async def with_fixed_fee(shop: Shop, refunds: Refunds) -> Refunds:
    """Every payment also costs a fixed part, which no refund gives back."""
    await refunds.change(
        "UPDATE channel_account SET fee_fixed_minor = :fixed WHERE id = :id",
        fixed=FIXED_MINOR,
        id=shop.channel_account_id,
    )
    return refunds


async def test_a_fixed_fee_makes_the_first_full_refund_too_much(with_fixed_fee: Refunds) -> None:
    """The fixed part stays ours, so a merchant with nothing else cannot give everything back; nothing is held."""
    refunds = with_fixed_fee
    paid = await refunds.paid()
    before = await refunds.merchant()
    assert (409, "merchant_funds_insufficient") == await refunds.refused(paid["id"], AMOUNT_MINOR)
    assert (before, (AMOUNT_MINOR, 0, 0)) == (await refunds.merchant(), await refunds.standing(paid["id"]))
    assert 0 == await refunds.claims()
    await refunds.sound()


async def test_the_merchant_may_owe_what_is_missing(with_fixed_fee: Refunds) -> None:
    """Up to the rule's limit, and not a cent more; the debt is the merchant's to see."""
    refunds = with_fixed_fee
    await refunds.rule(debt_limit_minor=FIXED_MINOR)
    paid = await refunds.paid()
    refund = await refunds.given_back(paid["id"], AMOUNT_MINOR)
    assert (FIXED_MINOR, FEE_MINOR) == (refund["debt_minor"], refund["fee_minor"])
    assert {"merchant_debt": (-FIXED_MINOR, 0), "merchant_pending": (0, 0)} == await refunds.merchant()
    other = await refunds.paid()
    assert (409, "merchant_funds_insufficient") == await refunds.refused(other["id"], AMOUNT_MINOR)
    await refunds.sound()


async def test_other_pending_money_comes_before_debt(with_fixed_fee: Refunds) -> None:
    """Own share, available, other pending: a merchant that has money owes nothing."""
    refunds = with_fixed_fee
    await refunds.rule(debt_limit_minor=1_000)
    paid, _ = await refunds.paid(), await refunds.paid()
    refund = await refunds.given_back(paid["id"], AMOUNT_MINOR)
    assert 0 == refund["debt_minor"]
    left_minor = AMOUNT_MINOR - FEE_MINOR - 2 * FIXED_MINOR
    assert {"merchant_debt": (0, 0), "merchant_pending": (left_minor, 0)} == await refunds.merchant()
    await refunds.sound()


async def test_our_own_fee_account_may_be_empty(shop: Shop, refunds: Refunds) -> None:
    """What we earned was drawn out before: the fee still goes back, and our account says that it is short."""
    paid = await refunds.paid()
    await refunds.change(
        "SELECT ledger_post('test', :id, 'drawn', NULL, now(), NULL, jsonb_build_array("
        " jsonb_build_object('account_id', 'platform_fee:platform:CNY', 'account_kind', 'platform_fee', 'owner',"
        " 'platform', 'currency', 'CNY', 'amount_minor', -1000000, 'kind', 'test', 'object_id', 'test'),"
        " jsonb_build_object('account_id', 'bank:platform:CNY', 'account_kind', 'bank', 'owner', 'platform',"
        " 'currency', 'CNY', 'amount_minor', 1000000, 'kind', 'test', 'object_id', 'test')), NULL)",
        id=paid["id"],
    )
    refund = await refunds.given_back(paid["id"], AMOUNT_MINOR)
    assert {} == await balances(shop, paid["id"], refund["id"])
    await refunds.sound()


async def test_money_that_the_merchant_holds_goes_back_at_the_channel(centre: Centre) -> None:
    """Nothing of the channel's part is held or owed by us; the balance part is, and our fee is owed no more."""
    shop = await Shop.open(centre, funds_holder="merchant")
    refunds = Refunds(shop)
    paid = await refunds.paid(balance_minor=1_000)
    refund = await refunds.given_back(paid["id"], AMOUNT_MINOR)
    assert (3_000, 1_000, FEE_MINOR) == tuple(refund[f"{part}_minor"] for part in ("channel", "balance", "fee"))
    assert {} == await balances(shop, paid["id"], refund["id"])
    assert (WALLET_MINOR, 0) == await shop.wallet()
    await refunds.sound()


async def test_a_blocked_merchant_account_gives_nothing(shop: Shop, refunds: Refunds) -> None:
    """What an operator has blocked takes no new hold."""
    paid = await refunds.paid()
    await refunds.change("SELECT ledger_block_account(:id, 'looked at')", id=f"merchant_pending:{shop.merchant_id}:CNY")
    assert (409, "merchant_funds_insufficient") == await refunds.refused(paid["id"], 100)
    assert (AMOUNT_MINOR, 0, 0) == await refunds.standing(paid["id"])
