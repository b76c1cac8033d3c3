"""A refund that a business asked for, from REST call to settled books, over the real parts."""

import pytest

from tests.support.books import balances
from tests.support.refunds import Refunds
from tests.support.shop import PRICE_MINOR, STOCK, WALLET_MINOR, Shop

AMOUNT_MINOR = 2 * PRICE_MINOR
FEE_MINOR = 24  # 0.6 % of 40.00


@pytest.fixture
async def refunds(shop: Shop) -> Refunds:
    return Refunds(shop)


async def test_a_full_refund_takes_everything_back(shop: Shop, refunds: Refunds) -> None:
    """The first refund of a new merchant: its own unsettled share and the fee cover it to the cent."""
    paid = await refunds.paid()
    started = await refunds.start(paid["id"], AMOUNT_MINOR)
    assert (AMOUNT_MINOR, 0, FEE_MINOR) == tuple(started[f"{part}_minor"] for part in ("channel", "balance", "fee"))
    refund = await refunds.until(started["id"], "succeeded")
    assert ("merchant", "sure", False) == (refund["origin"], refund["certainty"], refund["needs_attention"])
    assert {} == await balances(shop, paid["id"], refund["id"])
    assert {"merchant_pending": (0, 0)} == await refunds.merchant()
    seen = await shop.payment(paid["id"])
    assert (AMOUNT_MINOR, 0) == (seen["refunded_minor"], seen["refundable_minor"])
    (event,) = await shop.events("refund.succeeded")
    assert (refund["id"], "succeeded") == (event["data"]["object"]["id"], event["data"]["object"]["state"])
    await refunds.sound()


async def test_three_thirds_of_a_mixed_payment_give_each_tool_its_part_back(shop: Shop, refunds: Refunds) -> None:
    """Cumulative shares: wallet, channel and fee each get back exactly what they gave."""
    paid = await refunds.paid(amount_minor=10_000, balance_minor=3_001)
    thirds = [await refunds.given_back(paid["id"], amount_minor) for amount_minor in (3_333, 3_333, 3_334)]
    assert [1_000, 1_000, 1_001] == [one["balance_minor"] for one in thirds]
    assert (6_999, paid["fee_minor"]) == tuple(
        sum(one[part] for one in thirds) for part in ("channel_minor", "fee_minor")
    )
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert {} == await balances(shop, paid["id"], *(one["id"] for one in thirds))
    assert (10_000, 10_000, 0) == await refunds.standing(paid["id"])
    await refunds.sound()


async def test_a_payment_by_balance_alone_goes_back_to_the_wallet(shop: Shop, refunds: Refunds) -> None:
    """No channel has a part in it, so nothing is sent and nothing is watched."""
    paid = await refunds.paid(balance_minor=AMOUNT_MINOR)
    refund = await refunds.given_back(paid["id"], AMOUNT_MINOR)
    assert (None, 0, AMOUNT_MINOR) == (refund["channel"], refund["channel_minor"], refund["balance_minor"])
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert {} == await balances(shop, paid["id"], refund["id"])
    await refunds.sound()


async def test_lines_go_back_into_stock_when_the_refund_succeeds(shop: Shop, refunds: Refunds) -> None:
    """By line or by product, never more than was bought."""
    paid = await refunds.paid(lines=True)
    assert (STOCK, 0, 2) == await shop.stock()
    lines = [{"sku": shop.sku, "quantity": 1}]
    await refunds.given_back(paid["id"], 100, lines=lines)
    assert (STOCK, 0, 1) == await shop.stock()
    too_many = [{"line_no": 1, "quantity": 2}]
    assert (422, "invalid_request") == await refunds.refused(paid["id"], 100, lines=too_many)
    assert (422, "invalid_request") == await refunds.refused(paid["id"], 100, lines=[{"sku": "?", "quantity": 1}])
    assert (STOCK, 0, 1) == await shop.stock()
