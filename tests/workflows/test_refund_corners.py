"""Refunds that meet each other or an unsure channel: nothing is lost, nothing is given twice."""

import asyncio

import pytest

from tests.support.books import balances, channel_account_balances
from tests.support.refunds import Refunds
from tests.support.shop import PRICE_MINOR, Shop

AMOUNT_MINOR = 2 * PRICE_MINOR
FEE_MINOR = 24  # 0.6 % of 40.00


@pytest.fixture
async def refunds(shop: Shop) -> Refunds:
    return Refunds(shop)


async def test_fifty_refunds_of_twice_the_payment_give_back_exactly_the_payment(shop: Shop, refunds: Refunds) -> None:
    """At once: half of them are accepted, the rest is refused, and their numbers stay free."""
    paid = await refunds.paid()
    answers = await asyncio.gather(*(refunds.ask(paid["id"], AMOUNT_MINOR // 25) for _ in range(50)))
    accepted = [one.json()["id"] for one in answers if one.status_code == 201]
    refused = [one.json()["code"] for one in answers if one.status_code == 409]
    assert (25, 25) == (len(accepted), len(refused))
    assert {"refund_above_refundable"} == set(refused)
    await asyncio.gather(*(refunds.until(one, "succeeded") for one in accepted))
    assert (AMOUNT_MINOR, AMOUNT_MINOR, 0) == await refunds.standing(paid["id"])
    assert {} == await balances(shop, paid["id"], *accepted)
    assert {"merchant_pending": (0, 0)} == await refunds.merchant()
    assert 25 == await refunds.claims()
    await refunds.sound()


@pytest.mark.parametrize("kind", ["accept_then_timeout", "accept_then_reset", "status_500_commit", "bad_signature"])
async def test_a_send_that_was_accepted_silently_is_found_by_query(shop: Shop, refunds: Refunds, kind: str) -> None:
    """Unknown is not failed: the money stays held until the channel tells, and goes out once (law 5)."""
    paid = await refunds.paid()
    await shop.fault_at_app("refund", kind)
    started = await refunds.start(paid["id"], 1_000)
    refund = await refunds.until(started["id"], "succeeded")
    assert (AMOUNT_MINOR, 1_000, 0) == await refunds.standing(paid["id"])
    assert {"channel_clearing": 1_000 - AMOUNT_MINOR} == await channel_account_balances(shop)
    assert 0 == await refunds.open_holds(refund["id"])
    await refunds.sound()


@pytest.mark.parametrize("kind", ["reset_before", "status_429"])
async def test_a_send_that_was_not_executed_goes_out_again_under_its_number(
    shop: Shop, refunds: Refunds, kind: str
) -> None:
    """Once, however often it was sent."""
    paid = await refunds.paid()
    await shop.fault_at_app("refund", kind)
    await refunds.given_back(paid["id"], 1_000)
    assert {"channel_clearing": 1_000 - AMOUNT_MINOR} == await channel_account_balances(shop)
    await refunds.sound()


async def test_a_refund_that_the_channel_refuses_lets_everything_go(shop: Shop, refunds: Refunds) -> None:
    """Proof is the channel's word alone; then quota, money, lines and limits are as if nobody had asked."""
    await refunds.rule(daily_minor=1_000)
    paid = await refunds.paid(lines=True)
    other = await refunds.paid()
    before = await refunds.merchant()
    await refunds.unknown_at_channel(paid["out_no"])
    started = await refunds.start(paid["id"], 1_000, lines=[{"line_no": 1, "quantity": 2}])
    failed = await refunds.until(started["id"], "failed")
    assert "channel_rejected" == failed["failure"]["code"]
    assert (AMOUNT_MINOR, 0, 0) == await refunds.standing(paid["id"])
    assert before == await refunds.merchant()
    (event,) = await shop.events("refund.failed")
    assert failed["id"] == event["data"]["object"]["id"]
    await refunds.given_back(other["id"], 1_000)  # the day's limit is free again
    assert [0] == await refunds.restocked(paid["id"])
    await refunds.sound()


async def test_too_little_balance_at_the_channel_waits_for_a_person(shop: Shop, refunds: Refunds) -> None:
    """The same number goes out again, and succeeds once there is money."""
    paid = await refunds.paid()
    drawn = {"app_id": shop.app_id, "currency": "CNY", "amount_minor": AMOUNT_MINOR}
    await shop.control("POST", "/_sim/withdraw", drawn)
    started = await refunds.start(paid["id"], 1_000)
    waiting = await refunds.until(started["id"], "needs_action")
    assert {"reason": "channel_balance", "owner": "operations"} == waiting["attention"]
    await shop.control("POST", "/_sim/withdraw", {**drawn, "amount_minor": -AMOUNT_MINOR})
    refund = await refunds.until(started["id"], "succeeded")
    assert (False, None) == (refund["needs_attention"], refund["attention"])
    await refunds.sound()


async def test_a_refund_that_bounces_waits_in_suspense(shop: Shop, refunds: Refunds) -> None:
    """Once: its own posting, an item with an owner, one event; the payment stays refunded."""
    paid = await refunds.paid()
    refund = await refunds.given_back(paid["id"], 1_000)
    await refunds.ask_channel(refund["id"])
    assert "succeeded" == (await shop.get(f"/v1/refunds/{refund['id']}"))["state"]
    await shop.control("POST", "/_sim/refund", {"refund_no": refund["out_refund_no"], "state": "bounced"})
    for _ in range(2):
        await refunds.ask_channel(refund["id"])
    bounced = await refunds.until(refund["id"], "bounced")
    assert {"reason": "refund_bounced", "owner": "operations"} == bounced["attention"]
    assert bounced["bounced_at"] is not None
    assert {"channel_clearing": -AMOUNT_MINOR, "suspense": 1_000} == await channel_account_balances(shop)
    assert (AMOUNT_MINOR, 1_000, 0) == await refunds.standing(paid["id"])
    assert [("bounce", 1_000, "open")] == await refunds.items(refund["id"])
    assert 1 == len(await shop.events("refund.bounced"))
    await refunds.sound()


async def test_a_channel_that_takes_one_refund_at_a_time_gets_one(serial_shop: Shop) -> None:
    """The second is sent once the first is proven; both are accepted at once."""
    shop, refunds = serial_shop, Refunds(serial_shop)
    paid = await refunds.paid()
    await shop.fault_at_app("refund", "accept_then_timeout")
    first = await refunds.start(paid["id"], 1_000)
    await refunds.until_leg(first["id"], "sent", "unknown")
    second = await refunds.start(paid["id"], 1_500)
    assert "pending" == (await shop.get(f"/v1/refunds/{second['id']}"))["state"]
    for one in (first, second):
        await refunds.until(one["id"], "succeeded")
    assert await refunds.known_before_sent(first["id"], second["id"])
    await refunds.sound()
