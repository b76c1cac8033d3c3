"""Above the limit a payout waits for a person: approved, rejected, expired; one decision stands."""

import asyncio

from tests.support.payee import (
    as_operator,
    at_channel,
    expire_soon,
    fund_at_channel,
    nothing_is_wrong_with,
    pay_out,
    payout_until,
    set_rule,
    sweep,
)
from tests.support.shop import WALLET_MINOR, Shop


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
    await nothing_is_wrong_with(shop, started["id"])


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
    await nothing_is_wrong_with(shop, started["id"])


async def test_an_approval_that_nobody_gives_expires(shop: Shop) -> None:
    """The timer ends the wait, and the hold with it; also of a workflow that was lost, and started again meanwhile."""
    await set_rule(shop, "payout", approval_above_minor=1)
    started = await pay_out(shop)
    await shop.centre.temporal.get_workflow_handle(started["id"]).terminate("by hand")
    path = f"/v1/payouts/{started['id']}/decision"
    status, away = await as_operator(shop, "POST", path, {"decision": "approve"})
    assert (503, "unavailable") == (status, away["code"])
    await expire_soon(shop, started["id"])
    await sweep(shop)
    expired = await payout_until(shop, started["id"], "expired")
    assert "approval_expired" == expired["failure"]["code"]
    assert (WALLET_MINOR, 0) == await shop.wallet()
    status, late = await as_operator(shop, "POST", path, {"decision": "approve"})
    assert (409, "not_awaiting_approval") == (status, late["code"])


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
