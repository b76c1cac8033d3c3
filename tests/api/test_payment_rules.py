"""A merchant's rule for payments: checked and counted when a payment opens, given back when it ends without effect."""

from typing import Any

import pytest

from tests.support.centre import Centre
from tests.support.shop import Shop, operator


async def _ruled(centre: Centre, shop: Shop, **rule: Any) -> None:  # noqa: ANN401
    await operator(centre, "PUT", f"/v1/merchants/{shop.merchant_id}/rules/payment/CNY", rule)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"minimum_minor": 4_001}, "amount_below_minimum"),
        ({"maximum_minor": 3_999}, "amount_above_maximum"),
        ({"daily_minor": 3_999}, "daily_limit_exceeded"),
        ({"tools": ["sim"]}, "tool_not_allowed"),
        ({"tools": ["balance"]}, "tool_not_allowed"),
    ],
)
async def test_a_rule_refuses_a_payment(centre: Centre, shop: Shop, rule: dict[str, Any], code: str) -> None:
    """Paid by channel and balance; it failed, nothing was sent, and the order number is free."""
    await _ruled(centre, shop, **rule)
    body = shop.order(balance_minor=1_000)
    failed = await shop.post("/v1/payments", body)
    assert ("failed", code, []) == (failed["state"], failed["failure"]["code"], failed["attempts"])
    await _ruled(centre, shop, tools=["sim", "balance"])
    assert "awaiting_payer" == (await shop.post("/v1/payments", body))["state"]


async def test_a_payment_that_ends_without_effect_gives_the_limit_back(centre: Centre, shop: Shop) -> None:
    """Closed, or failed after it was counted; one that succeeded stays counted."""
    await _ruled(centre, shop, daily_minor=8_000)
    paid, closed = await shop.pay(), await shop.pay()
    await shop.payer_pays(paid["out_no"])
    await shop.until(paid["id"], "succeeded")
    assert "failed" == (await shop.pay())["state"]
    await shop.post(f"/v1/payments/{closed['id']}/close", None)
    await shop.until(closed["id"], "closed")
    short = shop.order(amount_minor=4_000, balance_minor=4_000, payer={"account_id": await _empty_wallet(shop)})
    assert "balance_insufficient" == (await shop.post("/v1/payments", short))["failure"]["code"]
    assert ["awaiting_payer", "failed"] == [(await shop.pay())["state"] for _ in range(2)]


async def test_each_payer_has_a_limit_of_its_own(centre: Centre, shop: Shop) -> None:
    """By the payer's wallet; a payer without one is not counted."""
    await _ruled(centre, shop, daily_per_account_minor=5_000)
    first = {"payer": {"account_id": shop.wallet_id}}
    other = {"payer": {"account_id": await _empty_wallet(shop)}}
    assert ["awaiting_payer", "failed"] == [(await shop.pay(**first))["state"] for _ in range(2)]
    assert ["awaiting_payer"] * 3 == [(await shop.pay(**fields))["state"] for fields in (other, {}, {})]


async def test_a_payment_is_not_switched_to_a_channel_that_the_rule_excludes(centre: Centre, shop: Shop) -> None:
    """The rule of today counts for the next attempt; the one that lives goes on."""
    started = await shop.pay(balance_minor=1_000)
    await _ruled(centre, shop, tools=["balance"])
    refused = await shop.call("POST", f"/v1/payments/{started['id']}/switch", {"channel": "sim", "invoke": "page"})
    assert (422, "tool_not_allowed") == (refused.status_code, refused.json()["code"])


async def _empty_wallet(shop: Shop) -> str:
    account = await shop.post("/v1/accounts", {"owner": f"payer-{shop.orders}", "currency": "CNY"})
    return str(account["id"])
