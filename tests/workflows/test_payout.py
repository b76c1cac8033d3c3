"""Payouts end as the channel proves, whatever it says on the way; what is refused at the try never was."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from domain.ids import new_id
from tests.support.books import balances, book_is_sound
from tests.support.centre import eventually
from tests.support.payee import (
    ACCOUNT,
    NAME,
    age_claim,
    as_operator,
    at_channel,
    claim_is_kept,
    claim_without_starting,
    end_at_channel,
    expire_soon,
    fund_at_channel,
    look,
    pay_out,
    payout_body,
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
    await book_is_sound(shop)


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
    await book_is_sound(shop)


async def test_what_the_channel_refuses_is_given_back(shop: Shop) -> None:
    """Its refusal is proof: the hold is released, nothing is posted, the event tells why."""
    await fund_at_channel(shop)
    started = await pay_out(shop, account="refuse-this-one")
    failed = await payout_until(shop, started["id"], "failed")
    assert "channel_rejected" == failed["failure"]["code"]
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert {} == await balances(shop, started["id"])
    assert 1 == len(await shop.events("payout.failed"))
    await book_is_sound(shop)


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
    await book_is_sound(shop)


async def test_a_payout_that_never_reached_the_channel_is_sent_again_under_the_same_number(shop: Shop) -> None:
    """NOT_FOUND after a send proves nothing: never failed by it, only sent again."""
    await fund_at_channel(shop)
    await shop.fault_at_app("transfer", "reset_before")
    started = await pay_out(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    assert started["out_no"] == paid["out_no"]
    await book_is_sound(shop)


async def test_too_little_at_the_channel_waits_for_a_person_and_goes_on(shop: Shop) -> None:
    """`needs_action` is flagged with an owner; the same number goes out once the balance there covers it."""
    started = await pay_out(shop)
    waiting = await payout_until(shop, started["id"], "needs_action")
    assert {"reason": "channel_balance", "owner": "operations"} == waiting["attention"]
    assert (WALLET_MINOR - 5_000, 5_000) == await shop.wallet()
    await fund_at_channel(shop)
    paid = await payout_until(shop, started["id"], "succeeded")
    assert (started["out_no"], False) == (paid["out_no"], paid["needs_attention"])
    await book_is_sound(shop)


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
    await book_is_sound(shop)


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
    await book_is_sound(shop)


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
    await book_is_sound(shop)


async def test_an_approved_payout_goes_out(shop: Shop) -> None:
    """Above the limit it waits, with the money held; a second decision comes too late."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", approval_above_minor=4_999)
    started = await pay_out(shop)
    assert ("awaiting_approval", "awaited") == (started["state"], started["approval"]["state"])
    assert (WALLET_MINOR - 5_000, 5_000) == await shop.wallet()
    path = f"/v1/payouts/{started['id']}/decision"
    status, _ = await as_operator(shop, "POST", path, {"decision": "approve"})
    assert 200 == status
    paid = await payout_until(shop, started["id"], "succeeded")
    assert "approved" == paid["approval"]["state"]
    status, late = await as_operator(shop, "POST", path, {"decision": "reject", "reason": "too late"})
    assert (409, "not_awaiting_approval") == (status, late["code"])
    await book_is_sound(shop)


async def test_a_rejected_payout_gives_everything_back(shop: Shop) -> None:
    """Nothing was sent; the limits of the day are free again; a rejection needs its reason."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", approval_above_minor=1, daily_minor=5_000)
    started = await pay_out(shop)
    path = f"/v1/payouts/{started['id']}/decision"
    status, refused = await as_operator(shop, "POST", path, {"decision": "reject"})
    assert (422, "invalid_request") == (status, refused["code"])
    status, _ = await as_operator(shop, "POST", path, {"decision": "reject", "reason": "unknown payee"})
    assert 200 == status
    rejected = await payout_until(shop, started["id"], "rejected")
    assert "approval_rejected" == rejected["failure"]["code"]
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert await at_channel(shop, rejected["out_no"]) is None
    again = await pay_out(shop)
    assert "awaiting_approval" == again["state"]
    await as_operator(shop, "POST", f"/v1/payouts/{again['id']}/decision", {"decision": "reject", "reason": "enough"})
    await payout_until(shop, again["id"], "rejected")
    await book_is_sound(shop)


async def test_an_approval_that_nobody_gives_expires(shop: Shop) -> None:
    """The timer ends the wait, and the hold with it; also of a workflow that was lost, and started again meanwhile."""
    await set_rule(shop, "payout", approval_above_minor=1)
    started = await pay_out(shop)
    await shop.centre.temporal.get_workflow_handle(started["id"]).terminate("by hand")
    await expire_soon(shop, started["id"])
    await sweep(shop)
    expired = await payout_until(shop, started["id"], "expired")
    assert "approval_expired" == expired["failure"]["code"]
    assert (WALLET_MINOR, 0) == await shop.wallet()
    status, late = await as_operator(shop, "POST", f"/v1/payouts/{started['id']}/decision", {"decision": "approve"})
    assert (409, "not_awaiting_approval") == (status, late["code"])


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
    await book_is_sound(shop)


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


async def test_of_two_opposing_decisions_one_stands(shop: Shop) -> None:
    """Made at once: one is answered 200, the other that nothing is awaited; the payout ends as the first said."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", approval_above_minor=1)
    started = await pay_out(shop)
    path = f"/v1/payouts/{started['id']}/decision"
    answers = await asyncio.gather(
        as_operator(shop, "POST", path, {"decision": "approve"}),
        as_operator(shop, "POST", path, {"decision": "reject", "reason": "no"}),
    )
    assert [200, 409] == sorted(status for status, _ in answers)
    ended = await payout_until(shop, started["id"], "succeeded", "rejected")
    assert ("succeeded" if answers[0][0] == 200 else "rejected") == ended["state"]


async def test_fifty_payouts_at_once_take_exactly_the_days_limit(shop: Shop) -> None:
    """As many as fit; the rest are problems that leave nothing held."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", daily_minor=10_000)
    answers = await asyncio.gather(*(shop.call("POST", "/v1/payouts", payout_body(shop, 900)) for _ in range(50)))
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = {answer.json()["code"] for answer in answers if answer.status_code != 201}
    assert (11, {"daily_limit_exceeded"}) == (len(made), refused)
    for payout_id in made:
        await payout_until(shop, payout_id, "succeeded")
    assert (WALLET_MINOR - 11 * 900, 0) == await shop.wallet()
    await book_is_sound(shop)


async def test_what_an_account_or_a_rule_refuses_never_was(shop: Shop) -> None:
    """A problem with its own code, nothing held, and the number free for another body."""
    await set_rule(shop, "payout", minimum_minor=100, maximum_minor=WALLET_MINOR * 2, fee_fixed_minor=100)
    number = new_id("payout")
    cases = {
        "balance_insufficient": payout_body(shop, WALLET_MINOR + 1, payout_no=number),
        "amount_below_minimum": payout_body(shop, 99, payout_no=number),
        "amount_above_maximum": payout_body(shop, WALLET_MINOR * 2 + 1, payout_no=number),
        "fee_above_amount": payout_body(shop, 100, payout_no=number),
        "unknown_account": payout_body(shop, account_id=f"merchant_pending:{shop.merchant_id}:CNY", payout_no=number),
        "channel_not_configured": payout_body(
            shop, destination={"channel": "elsewhere", "account": ACCOUNT}, payout_no=number
        ),
    }
    found = {code: (await shop.call("POST", "/v1/payouts", body)).json()["code"] for code, body in cases.items()}
    assert {code: code for code in cases} == found
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert [] == (await shop.get(f"/v1/payouts?payout_no={number}"))["items"]


async def test_closed_blocked_and_foreign_accounts_pay_nothing_out(shop: Shop) -> None:
    """Another merchant's account does not exist for this one."""
    other = await Shop.open(shop.centre)
    foreign = await shop.call("POST", "/v1/payouts", payout_body(shop, account_id=other.wallet_id))
    assert (404, "unknown_account") == (foreign.status_code, foreign.json()["code"])
    await as_operator(shop, "POST", f"/v1/accounts/{shop.wallet_id}/block", {"reason": "reported stolen"})
    blocked = await shop.call("POST", "/v1/payouts", payout_body(shop))
    assert (409, "account_blocked") == (blocked.status_code, blocked.json()["code"])
    empty = (await shop.post("/v1/accounts", {"owner": new_id("payer"), "currency": "CNY"}))["id"]
    await as_operator(shop, "POST", f"/v1/accounts/{empty}/close", {"reason": "asked for it"})
    closed = await shop.call("POST", "/v1/payouts", payout_body(shop, account_id=empty))
    assert (409, "account_closed") == (closed.status_code, closed.json()["code"])


async def test_the_same_number_is_the_same_payout_and_no_other(shop: Shop) -> None:
    """Equal bodies, also at once, are one payout; another body is refused for ever."""
    await fund_at_channel(shop)
    body = payout_body(shop)
    answers = await asyncio.gather(*(shop.call("POST", "/v1/payouts", body) for _ in range(10)))
    assert {201} == {answer.status_code for answer in answers}
    assert 1 == len({answer.json()["id"] for answer in answers})
    taken = await shop.call("POST", "/v1/payouts", {**body, "amount_minor": 1})
    assert (409, "number_taken") == (taken.status_code, taken.json()["code"])
    await payout_until(shop, answers[0].json()["id"], "succeeded")
    again = await shop.call("POST", "/v1/payouts", body)
    assert ("succeeded", "true") == (again.json()["state"], again.headers["Idempotent-Replayed"])
    assert (WALLET_MINOR - 5_000, 0) == await shop.wallet()
