"""A refund above the merchant's limit waits for an operator; until then nothing leaves, and its money is held."""

import asyncio

import pytest
from sqlalchemy import text

from tests.support.books import channel_account_balances
from tests.support.refunds import Refunds
from tests.support.shop import PRICE_MINOR, Shop

AMOUNT_MINOR = 2 * PRICE_MINOR
LIMIT_MINOR = 1_000


@pytest.fixture
async def refunds(shop: Shop) -> Refunds:
    """Above the limit somebody has to look at it."""
    refunds = Refunds(shop)
    await refunds.rule(approval_above_minor=LIMIT_MINOR)
    return refunds


async def test_an_approved_refund_goes_out(shop: Shop, refunds: Refunds) -> None:
    """Nothing was sent before; the operator's action is kept."""
    paid = await refunds.paid()
    started = await refunds.start(paid["id"], LIMIT_MINOR + 1)
    assert ("pending", "awaited") == (started["state"], started["approval"])
    assert (AMOUNT_MINOR, 0, LIMIT_MINOR + 1) == await refunds.standing(paid["id"])
    assert {"channel_clearing": -AMOUNT_MINOR} == await channel_account_balances(shop)
    approved = await refunds.decide(started["id"], "approve")
    assert (200, "approved") == (approved.status_code, approved.json()["approval"])
    await refunds.until(started["id"], "succeeded")
    assert ["refund.approve"] == await _actions(shop, started["id"])
    await refunds.sound()


async def test_up_to_the_limit_nobody_is_asked(refunds: Refunds) -> None:
    """And nobody can decide it."""
    paid = await refunds.paid()
    refund = await refunds.given_back(paid["id"], LIMIT_MINOR)
    assert refund["approval"] is None
    refused = await refunds.decide(refund["id"], "approve")
    assert (409, "not_awaiting_approval") == (refused.status_code, refused.json()["code"])


async def test_a_rejected_refund_lets_everything_go(shop: Shop, refunds: Refunds) -> None:
    """With the reason; it was never sent and never will be."""
    paid = await refunds.paid()
    before = await refunds.merchant()
    started = await refunds.start(paid["id"], AMOUNT_MINOR)
    await refunds.decide(started["id"], "reject", "the goods are still there")
    failed = await refunds.until(started["id"], "failed")
    assert {"code": "approval_rejected", "detail": "the goods are still there"} == failed["failure"]
    assert (before, (AMOUNT_MINOR, 0, 0)) == (await refunds.merchant(), await refunds.standing(paid["id"]))
    await refunds.send_by_hand(started["id"])
    assert {"channel_clearing": -AMOUNT_MINOR} == await channel_account_balances(shop)
    assert "failed" == (await shop.get(f"/v1/refunds/{started['id']}"))["state"]
    await refunds.sound()


async def test_a_refund_that_nobody_approves_expires(shop: Shop, refunds: Refunds) -> None:
    """The wait ends by itself, as a rejection does; also where its workflow was lost meanwhile."""
    paid = await refunds.paid()
    started = await refunds.start(paid["id"], AMOUNT_MINOR)
    await shop.centre.temporal.get_workflow_handle(started["id"]).terminate()
    await refunds.change(
        "UPDATE refund SET approval_expires_at = now() + interval '1 second' WHERE id = :id", id=started["id"]
    )
    await refunds.start_again(started["id"])
    failed = await refunds.until(started["id"], "failed")
    assert ("approval_expired", "expired") == (failed["failure"]["code"], failed["approval"])
    assert (AMOUNT_MINOR, 0, 0) == await refunds.standing(paid["id"])
    assert [] == await _actions(shop, started["id"])
    await refunds.sound()


async def test_an_approval_that_comes_too_late_has_expired(refunds: Refunds) -> None:
    """Whatever the timer of its workflow says: nothing is sent, and the operator is told."""
    paid = await refunds.paid()
    started = await refunds.start(paid["id"], AMOUNT_MINOR)
    await refunds.change(
        "UPDATE refund SET approval_expires_at = now() - interval '1 second' WHERE id = :id", id=started["id"]
    )
    late = await refunds.decide(started["id"], "approve", "sorry")
    assert (409, "not_awaiting_approval") == (late.status_code, late.json()["code"])
    failed = await refunds.until(started["id"], "succeeded", "failed")
    assert ("failed", "expired", "approval_expired") == (
        failed["state"],
        failed["approval"],
        failed["failure"]["code"],
    )
    assert (AMOUNT_MINOR, 0, 0) == await refunds.standing(paid["id"])
    await refunds.sound()


async def test_of_two_opposing_decisions_one_stands(shop: Shop, refunds: Refunds) -> None:
    """The other is told that none is awaited any more; the refund ends as the first one said."""
    paid = await refunds.paid()
    started = await refunds.start(paid["id"], AMOUNT_MINOR)
    answers = await asyncio.gather(
        refunds.decide(started["id"], "approve"), refunds.decide(started["id"], "reject", "no")
    )
    assert [200, 409] == sorted(one.status_code for one in answers)
    stood = next(one.json()["approval"] for one in answers if one.status_code == 200)
    expected = {"approved": "succeeded", "rejected": "failed"}[stood]
    assert expected == (await refunds.until(started["id"], "succeeded", "failed"))["state"]
    verb = {"approved": "approve", "rejected": "reject"}[stood]
    assert f"refund.{verb}" in await _actions(shop, started["id"])


async def test_only_an_operator_decides_and_a_rejection_has_a_reason(shop: Shop, refunds: Refunds) -> None:
    """A merchant's key is 403, an unknown refund 404, a rejection without a reason 422."""
    paid = await refunds.paid()
    started = await refunds.start(paid["id"], AMOUNT_MINOR)
    forbidden = await shop.call("POST", f"/v1/refunds/{started['id']}/decision", {"decision": "approve"})
    answers = [forbidden, await refunds.decide("ref_none", "approve"), await refunds.decide(started["id"], "reject")]
    assert [(403, "forbidden"), (404, "not_found"), (422, "invalid_request")] == [
        (one.status_code, one.json()["code"]) for one in answers
    ]
    await refunds.decide(started["id"], "reject", "done with")
    await refunds.until(started["id"], "failed")


async def _actions(shop: Shop, object_id: str) -> list[str]:
    wanted = text("SELECT action FROM operator_action WHERE object_id = :id")
    async with shop.centre.database.reading() as session:
        return list(await session.scalars(wanted, {"id": object_id}))
