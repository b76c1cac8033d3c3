"""Payouts end as the channel proves, whatever it says on the way; what is refused at the try never was."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.books import balances
from tests.support.centre import eventually
from tests.support.payee import (
    ACCOUNT,
    NAME,
    age_claim,
    as_operator,
    at_channel,
    callbacks_of,
    claim_is_kept,
    claim_without_starting,
    end_at_channel,
    fund_at_channel,
    look,
    nothing_is_wrong_with,
    pay_out,
    payout_until,
    set_rule,
    sweep,
)
from tests.support.shop import WALLET_MINOR, Shop


async def test_a_payout_reaches_the_payee_and_is_posted_once(shop: Shop) -> None:
    """Hold, transfer, confirm: sent and done in one transaction, one event, the payee masked everywhere."""
    await fund_at_channel(shop)
    started = await pay_out(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    assert (5_000, 0, 5_000) == (paid["amount_minor"], paid["fee_minor"], paid["net_minor"])
    assert {"channel": "sim", "account": "****2233"} == paid["destination"]
    assert (WALLET_MINOR - 5_000, 0) == await shop.wallet()
    assert {"wallet": -5_000, "channel_clearing": 5_000} == await balances(shop, started["id"])
    there = await at_channel(shop, paid["out_no"])
    assert there is not None
    assert ("succeeded", 5_000, ACCOUNT) == (there["state"], there["amount_minor"], there["account"])
    events = await shop.events("payout.succeeded")
    assert [started["id"]] == [event["data"]["object"]["id"] for event in events]
    assert NAME not in str(events)
    assert ACCOUNT not in str(events)
    await nothing_is_wrong_with(shop, started["id"])


async def test_the_fee_is_inside_the_amount(shop: Shop) -> None:
    """The payee gets amount − fee, and the channel is told that much."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", fee_rate_bps=100, fee_fixed_minor=20)
    started = await pay_out(shop, 5_000)
    paid = await payout_until(shop, started["id"], "succeeded")
    assert (70, 4_930) == (paid["fee_minor"], paid["net_minor"])
    there = await at_channel(shop, paid["out_no"])
    assert there is not None
    assert 4_930 == there["amount_minor"]
    expected = {"wallet": -5_000, "channel_clearing": 4_930, "platform_fee": 70}
    assert expected == await balances(shop, started["id"])
    await nothing_is_wrong_with(shop, started["id"])


async def test_what_the_channel_refuses_is_given_back(shop: Shop) -> None:
    """Its refusal is proof: the hold is released, nothing is posted, the event tells why."""
    await fund_at_channel(shop)
    started = await pay_out(shop, account="refuse-this-one")
    failed = await payout_until(shop, started["id"], "failed")
    assert "channel_rejected" == failed["failure"]["code"]
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert {} == await balances(shop, started["id"])
    assert 1 == len(await shop.events("payout.failed"))
    await nothing_is_wrong_with(shop, started["id"])


async def test_a_refusal_after_calls_that_did_nothing_is_believed(shop: Shop) -> None:
    """A call that was not executed says nothing, and takes nothing from the word on the next one."""
    await fund_at_channel(shop)
    await shop.fault_at_app("transfer", "status_429", times=2)
    started = await pay_out(shop, account="refuse-this-one")
    await payout_until(shop, started["id"], "failed")
    assert (WALLET_MINOR, 0) == await shop.wallet()
    await nothing_is_wrong_with(shop, started["id"])


@pytest.mark.parametrize("kind", ["accept_then_timeout", "accept_then_reset", "status_500_commit", "bad_signature"])
async def test_a_payout_that_the_channel_took_without_saying_so_is_found_by_query(shop: Shop, kind: str) -> None:
    """Unknown is not failed (law 5): the money stays held until the query tells, and goes out once."""
    await fund_at_channel(shop)
    await shop.fault_at_app("callback", "lost", times=20)
    await shop.fault_at_app("transfer", kind)
    started = await pay_out(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    assert (WALLET_MINOR - 5_000, 0) == await shop.wallet()
    assert paid["channel_no"]
    await nothing_is_wrong_with(shop, started["id"])


async def test_a_payout_that_never_reached_the_channel_is_sent_again_under_the_same_number(shop: Shop) -> None:
    """NOT_FOUND after a send proves nothing: never failed by it, only sent again."""
    await fund_at_channel(shop)
    await shop.fault_at_app("transfer", "reset_before")
    started = await pay_out(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    assert started["out_no"] == paid["out_no"]
    await nothing_is_wrong_with(shop, started["id"])


async def test_too_little_at_the_channel_waits_for_a_person_and_goes_on(shop: Shop) -> None:
    """`needs_action` is flagged with an owner; the same number goes out once the balance there covers it."""
    started = await pay_out(shop)
    waiting = await payout_until(shop, started["id"], "needs_action")
    assert {"reason": "channel_balance", "owner": "operations"} == waiting["attention"]
    assert (WALLET_MINOR - 5_000, 5_000) == await shop.wallet()
    await fund_at_channel(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    assert (started["out_no"], False) == (paid["out_no"], paid["needs_attention"])
    await nothing_is_wrong_with(shop, started["id"])


async def test_what_comes_back_days_later_is_credited_again_once(shop: Shop) -> None:
    """The callback after the end wakes the watch, which asks; the fee is kept, the event is one."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", fee_fixed_minor=100)
    started = await pay_out(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    await end_at_channel(shop, paid["out_no"], "returned")

    async def watched() -> dict[str, Any]:
        await look(shop)
        return await shop.get(f"/v1/payouts/{started['id']}")

    returned = await eventually(watched, lambda payout: payout["state"] == "returned")
    assert returned["returned_at"]
    await look(shop)
    assert (WALLET_MINOR - 100, 0) == await shop.wallet()
    assert {"wallet": -100, "platform_fee": 100} == await balances(shop, started["id"])
    assert 1 == len(await shop.events("payout.returned"))
    await nothing_is_wrong_with(shop, started["id"])


async def test_a_return_is_found_by_polling_alone(shop: Shop) -> None:
    """Every callback is lost: the watch asks as long as the channel can send money back."""
    await fund_at_channel(shop)
    await shop.fault_at_app("callback", "lost", times=20)
    started = await pay_out(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    await look(shop, started["id"])
    assert "succeeded" == (await shop.get(f"/v1/payouts/{started['id']}"))["state"]
    await end_at_channel(shop, paid["out_no"], "returned")
    await look(shop, started["id"])
    assert "returned" == (await shop.get(f"/v1/payouts/{started['id']}"))["state"]
    assert (WALLET_MINOR, 0) == await shop.wallet()
    await nothing_is_wrong_with(shop, started["id"])


async def test_a_callback_that_says_what_is_known_asks_nothing(shop: Shop) -> None:
    """It comes after the payout has ended: stored as applied, so that neither a workflow nor the watch acts on it."""
    await fund_at_channel(shop)
    await shop.fault_at_app("callback", "late", delay_s=1)
    started = await pay_out(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    stored = await eventually(lambda: callbacks_of(shop, paid["out_no"]), bool)
    assert [("transfer", "matched", True)] == stored
    asked = await shop.control("GET", f"/_sim/journal?out_no={paid['out_no']}")
    assert [] == [one for one in asked if one["method"] == "GET"]


async def test_a_return_to_a_closed_account_lies_in_suspense(shop: Shop) -> None:
    """It is posted all the same, with an item that has an owner."""
    await fund_at_channel(shop)
    started = await pay_out(shop, WALLET_MINOR)
    paid = await payout_until(shop, started["id"], "succeeded")
    status, _ = await as_operator(shop, "POST", f"/v1/accounts/{shop.wallet_id}/close", {"reason": "moved away"})
    assert 200 == status
    await end_at_channel(shop, paid["out_no"], "returned")
    await look(shop, started["id"])
    await payout_until(shop, started["id"], "returned")
    expected = {"wallet": -WALLET_MINOR, "suspense": WALLET_MINOR}
    assert expected == await balances(shop, started["id"])
    await nothing_is_wrong_with(shop, started["id"])


async def test_a_terminated_payout_is_started_again_and_reaches_its_end(shop: Shop) -> None:
    """Between the send and its answer: the sweeper starts it from its row, and it goes out once (law 11)."""
    await fund_at_channel(shop)
    await shop.fault_at_app("callback", "lost", times=20)
    await shop.fault_at_app("transfer", "accept_then_reset")
    started = await pay_out(shop)
    await eventually(lambda: at_channel(shop, started["out_no"]), bool)
    await shop.centre.temporal.get_workflow_handle(started["id"]).terminate("by hand")
    await sweep(shop)
    await payout_until(shop, started["id"], "succeeded")
    assert (WALLET_MINOR - 5_000, 0) == await shop.wallet()
    await nothing_is_wrong_with(shop, started["id"])


async def test_a_claim_whose_payout_never_came_to_be_is_dropped_after_an_hour(shop: Shop) -> None:
    """A young one is left to its caller; one with an object is kept for ever."""
    await fund_at_channel(shop)
    made = await pay_out(shop)
    await payout_until(shop, made["id"], "succeeded")
    old, young = [await claim_without_starting(shop, age=timedelta(minutes=minutes)) for minutes in (120, 5)]
    await age_claim(shop, made["id"], timedelta(hours=2))
    await sweep(shop)
    kept = [await claim_is_kept(shop, one) for one in (old, young, made["id"])]
    assert [False, True, True] == kept
