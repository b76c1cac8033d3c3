"""Refunds over REST: who may ask for what, what a repeat answers, and what is refused without a trace."""

import asyncio
from typing import Any

import pytest

from tests.support.centre import Centre
from tests.support.refunds import Refunds
from tests.support.shop import PRICE_MINOR, Shop

AMOUNT_MINOR = 2 * PRICE_MINOR


@pytest.fixture
async def refunds(shop: Shop) -> Refunds:
    return Refunds(shop)


async def test_money_after_close_is_seen_as_a_refund(centre: Centre, shop: Shop) -> None:
    """By payment and by id, for its merchant alone."""
    payment = await shop.pay()
    await shop.post(f"/v1/payments/{payment['id']}/close", None)
    await shop.until(payment["id"], "closed")
    await shop.payer_pays(payment["out_no"], force=True)
    await shop.watch_until_returned(payment["id"])
    path = f"/v1/refunds?payment_id={payment['id']}"
    refund = (await shop.get(path))["items"][0]
    assert ("late", "succeeded", payment["amount_minor"]) == (refund["origin"], refund["state"], refund["amount_minor"])
    assert refund["id"] == (await shop.get(f"/v1/refunds/{refund['id']}"))["id"]
    other = await Shop.open(centre)
    answer = await other.call("GET", f"/v1/refunds/{refund['id']}")
    assert (404, "not_found", []) == (answer.status_code, answer.json()["code"], (await other.get(path))["items"])


async def test_equal_calls_are_one_refund(shop: Shop, refunds: Refunds) -> None:
    """At once or later, with a key or without: the object as it is now, and the header says that it is a repeat."""
    paid = await refunds.paid()
    body = refunds.body(paid["id"], 1_000, metadata={"desk": "3"})
    answers = await asyncio.gather(*(shop.call("POST", "/v1/refunds", body) for _ in range(10)))
    assert {201} == {one.status_code for one in answers}
    (refund_id,) = {one.json()["id"] for one in answers}
    assert 9 == sum(one.headers.get("Idempotent-Replayed") == "true" for one in answers)
    ended = await refunds.until(refund_id, "succeeded")
    keyed = await shop.call("POST", "/v1/refunds", body, **{"Idempotency-Key": "k-1"})
    assert (201, ended) == (keyed.status_code, keyed.json())
    assert (AMOUNT_MINOR, 1_000, 0) == await refunds.standing(paid["id"])
    found = await shop.get(f"/v1/refunds?refund_no={body['refund_no']}&state=succeeded")
    assert [refund_id] == [one["id"] for one in found["items"]]


async def test_a_used_number_with_another_body_is_refused(shop: Shop, refunds: Refunds) -> None:
    """409 `number_taken`, for ever; a used key with another body is 422."""
    paid = await refunds.paid()
    body = refunds.body(paid["id"], 1_000)
    key = {"Idempotency-Key": "k-2"}
    await shop.post("/v1/refunds", body, **key)
    taken = await shop.call("POST", "/v1/refunds", {**body, "amount_minor": 2_000})
    reused = await shop.call("POST", "/v1/refunds", {**body, "refund_no": "another"}, **key)
    assert [(409, "number_taken"), (422, "idempotency_key_reused")] == [
        (one.status_code, one.json()["code"]) for one in (taken, reused)
    ]


async def test_what_is_refused_leaves_nothing_behind(centre: Centre, shop: Shop, refunds: Refunds) -> None:
    """Each with its own code; the number stays free, and the same number succeeds once the request is right."""
    paid, unpaid = await refunds.paid(), await shop.pay()
    other = Refunds(await Shop.open(centre))
    foreign = await other.paid()
    before = await refunds.merchant()
    assert (409, "refund_above_refundable") == await refunds.refused(paid["id"], AMOUNT_MINOR + 1)
    assert (422, "currency_mismatch") == await refunds.refused(paid["id"], 100, currency="USD")
    assert (409, "payment_not_refundable") == await refunds.refused(unpaid["id"], 100)
    assert (404, "not_found") == await refunds.refused(foreign["id"], 100)
    assert (404, "not_found") == await refunds.refused("pay_none", 100)
    await shop.post(f"/v1/payments/{unpaid['id']}/close", None)
    await shop.until(unpaid["id"], "closed")
    assert (409, "payment_not_refundable") == await refunds.refused(unpaid["id"], 100)
    assert (before, 0) == (await refunds.merchant(), await refunds.claims())
    assert (AMOUNT_MINOR, 0, 0) == await refunds.standing(paid["id"])
    assert [] == (await shop.get(f"/v1/refunds?payment_id={paid['id']}"))["items"]
    refunds.asked = 0
    assert "refund-1" == (await refunds.given_back(paid["id"], AMOUNT_MINOR))["refund_no"]
    await refunds.sound()


async def test_the_merchants_rule_refuses(shop: Shop, refunds: Refunds) -> None:
    """Minimum, maximum, the day's limit in calls at once, and the tool: each with its own code."""
    await refunds.rule(minimum_minor=100, maximum_minor=2_000, daily_minor=2_500)
    paid = await refunds.paid()
    assert (422, "amount_below_minimum") == await refunds.refused(paid["id"], 99)
    assert (422, "amount_above_maximum") == await refunds.refused(paid["id"], 2_001)
    answers = await asyncio.gather(*(refunds.ask(paid["id"], 500) for _ in range(7)))
    codes = [one.json()["code"] for one in answers if one.status_code == 409]
    assert ["daily_limit_exceeded"] * 2 == codes
    await refunds.change(
        "UPDATE merchant_rule SET tools = '[\"balance\"]' WHERE merchant_id = :id", id=shop.merchant_id
    )
    assert (422, "tool_not_allowed") == await refunds.refused(paid["id"], 100)
    for one in answers:
        if one.status_code == 201:
            await refunds.until(one.json()["id"], "succeeded")
    assert (AMOUNT_MINOR, 2_500, 0) == await refunds.standing(paid["id"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_minor": 0},
        {"amount_minor": "100"},
        {"reason": ""},
        {"refund_no": "with space"},
        {"lines": [{"quantity": 1}]},
        {"lines": [{"line_no": 1, "sku": "tea", "quantity": 1}]},
        {"lines": [{"line_no": 1, "quantity": 0}]},
        {"notes": "unknown"},
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(shop: Shop, refunds: Refunds, wrong: dict[str, Any]) -> None:
    """Before anything is claimed."""
    answer = await shop.call("POST", "/v1/refunds", {**refunds.body("pay_none", 100), **wrong})
    assert (422, "invalid_request") == (answer.status_code, answer.json()["code"])
    assert 0 == await refunds.claims()
