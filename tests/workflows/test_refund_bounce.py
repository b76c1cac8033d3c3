"""A refund that the payer's bank sends back: found however the channel falls silent, and only as our own money."""

import pytest

from tests.support.books import channel_account_balances
from tests.support.refunds import Refunds
from tests.support.shop import PRICE_MINOR, Shop

AMOUNT_MINOR = 2 * PRICE_MINOR
GIVEN_MINOR = 1_000


@pytest.fixture
async def refunds(shop: Shop) -> Refunds:
    return Refunds(shop)


async def test_a_watch_never_ends_in_silence(shop: Shop, refunds: Refunds) -> None:
    """The window has passed, and the last question was not answered: it is asked again until it is."""
    paid = await refunds.paid()
    refund = await refunds.given_back(paid["id"], GIVEN_MINOR)
    await shop.fault_at_app("callback", "lost")
    await _bounces(shop, refund["out_refund_no"])
    await refunds.change("UPDATE refund SET watch_until = now() - interval '1 s' WHERE id = :id", id=refund["id"])
    await shop.fault_at_app("refund_query", "status_500")
    await refunds.ask_channel(refund["id"])
    assert "succeeded" == (await shop.get(f"/v1/refunds/{refund['id']}"))["state"]
    assert await refunds.is_watched(refund["id"])
    await refunds.ask_channel(refund["id"])
    await refunds.until(refund["id"], "bounced")
    await refunds.sound()


async def test_a_bounce_that_is_heard_before_the_success_is_applied_with_it(shop: Shop, refunds: Refunds) -> None:
    """Both are posted and both are told, whatever the channel says later."""
    await refunds.rule(approval_above_minor=0)
    paid = await refunds.paid()
    started = await refunds.start(paid["id"], GIVEN_MINOR)
    await shop.centre.temporal.get_workflow_handle(started["id"]).terminate()
    await refunds.change("UPDATE refund SET approval = 'approved' WHERE id = :id", id=started["id"])
    await shop.fault_at_app("refund", "accept_then_reset")
    await refunds.send_by_hand(started["id"])
    await shop.fault_at_app("callback", "lost")
    await _bounces(shop, started["out_refund_no"])
    await refunds.ask_channel(started["id"])
    await refunds.start_again(started["id"])
    bounced = await refunds.until(started["id"], "succeeded", "bounced")
    assert "bounced" == bounced["state"]
    assert {"channel_clearing": -AMOUNT_MINOR, "suspense": GIVEN_MINOR} == await channel_account_balances(shop)
    assert [("bounce", GIVEN_MINOR, "open")] == await refunds.items(started["id"])
    for kind in ("refund.succeeded", "refund.bounced"):
        assert 1 == len(await shop.events(kind))
    await refunds.sound()


async def test_a_bounce_of_another_amount_is_for_a_person(shop: Shop, refunds: Refunds) -> None:
    """Nothing is posted that we did not send; it is still asked about."""
    paid = await refunds.paid()
    refund = await refunds.given_back(paid["id"], GIVEN_MINOR)
    await shop.fault_at_app("callback", "lost")
    await _bounces(shop, refund["out_refund_no"])
    ours = "UPDATE refund SET amount_minor = :minor, channel_minor = :minor WHERE id = :id"
    await refunds.change(ours, minor=GIVEN_MINOR - 1, id=refund["id"])
    for _ in range(2):
        await refunds.ask_channel(refund["id"])
    flagged = await shop.get(f"/v1/refunds/{refund['id']}")
    assert ("succeeded", {"reason": "refund_amount_differs", "owner": "operations"}) == (
        flagged["state"],
        flagged["attention"],
    )
    assert {"channel_clearing": GIVEN_MINOR - AMOUNT_MINOR} == await channel_account_balances(shop)
    assert await refunds.is_watched(refund["id"])
    await refunds.change(ours, minor=GIVEN_MINOR, id=refund["id"])


async def _bounces(shop: Shop, out_refund_no: str) -> None:
    await shop.control("POST", "/_sim/refund", {"refund_no": out_refund_no, "state": "bounced"})
