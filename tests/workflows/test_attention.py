"""What cannot be known is flagged with an owner, and still asked about; without proof nothing is called closed."""

from datetime import UTC, datetime, timedelta

from tests.support.books import book_is_sound
from tests.support.centre import Centre, eventually
from tests.support.shop import STOCK, Shop


async def test_an_outcome_that_stays_unknown_is_flagged_and_still_queried(centre: Centre) -> None:
    """After the merchant's limit: `needs_attention`, shown in the Temporal UI; then the truth brings it home."""
    shop = await Shop.open(centre, attention_after_s=1)
    await shop.fault_at_app("pay", "accept_then_reset")
    for _ in range(2):
        await shop.fault_at_app("query", "status_500")
    started = await shop.pay(lines=True)
    flagged = await eventually(lambda: shop.payment(started["id"]), lambda payment: payment["needs_attention"])
    assert ("pending", "unknown") == (flagged["state"], flagged["certainty"])
    waiting = await eventually(
        lambda: shop.payment(started["id"]),
        lambda payment: payment["state"] == "awaiting_payer",
        within=timedelta(seconds=30),
    )
    await shop.payer_pays(waiting["out_no"])
    await shop.until(started["id"], "succeeded")
    described = await centre.temporal.get_workflow_handle(started["id"]).describe()
    assert [True] == described.search_attributes["NeedsAttention"]


async def test_without_close_proof_an_expired_attempt_is_presumed_closed_and_watched(careless_shop: Shop) -> None:
    """The payment closes at expiry plus margin; money that comes within a day is still found, and given back."""
    shop = careless_shop
    payment_id = await shop.start_order(expires_in_s=2, lines=True)
    closed = await shop.until(payment_id, "closed")
    assert ["presumed_closed"] == [one["state"] for one in closed["attempts"]]
    assert (STOCK, 0, 0) == await shop.stock()
    await shop.payer_pays(closed["out_no"], force=True)
    await shop.watch_until_returned(payment_id)
    await book_is_sound(shop)


async def test_with_proof_after_expiry_the_attempt_is_closed(centre: Centre) -> None:
    """`after_expiry`: a query after the expiry that we sent, plus the margin, proves it."""
    shop = await Shop.open(centre, close_proof="after_expiry")
    payment_id = await shop.start_order(expires_in_s=2)
    closed = await shop.until(payment_id, "closed")
    assert ["closed"] == [one["state"] for one in closed["attempts"]]


async def test_a_stalled_send_that_wakes_after_its_cancel_sends_nothing(centre: Centre) -> None:
    """The intent is forbidden by the cancel; the sending activity that comes later finds it `never_sent` (law 4)."""
    shop = await Shop.open(centre)
    lines = [{"sku": shop.sku, "quantity": STOCK + 1, "unit_price_minor": 1}]
    failed = await shop.pay(amount_minor=STOCK + 1, lines=lines)
    assert ["never_sent"] == [one["state"] for one in failed["attempts"]]
    await shop.send_by_hand(failed["id"], failed["attempts"][0]["out_no"])
    book = await shop.control("GET", "/_sim/book")
    assert [] == [order for order in book["orders"] if order["app_id"] == shop.app_id]
    assert datetime.now(UTC) < datetime.fromisoformat(failed["expires_at"])
