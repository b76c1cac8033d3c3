"""What the channel does not tell, or tells wrongly, is found out; money that is unknown is never called failed."""

import pytest

from tests.support.books import book_is_sound
from tests.support.shop import STOCK, Shop


async def test_a_lost_callback_is_brought_home_by_polling(shop: Shop) -> None:
    """Losing every callback does not lose a payment (law 8)."""
    started = await shop.pay(lines=True)
    await shop.fault("callback", "lost", times=20, out_no=started["out_no"])
    await shop.payer_pays(started["out_no"])
    await shop.until(started["id"], "succeeded")
    assert (STOCK, 0, 2) == await shop.stock()


@pytest.mark.parametrize("kind", ["accept_then_timeout", "accept_then_reset", "status_500_commit", "bad_signature"])
async def test_a_send_that_the_channel_accepted_without_saying_so_is_found_by_query(shop: Shop, kind: str) -> None:
    """The outcome is unknown, not failed; the query finds the order, and the payer can pay it (law 5)."""
    body = shop.order(lines=True)
    await shop.fault_at_app("pay", kind)
    started = await shop.post("/v1/payments", body)
    assert started["state"] in {"pending", "awaiting_payer"}
    waiting = await shop.until(started["id"], "awaiting_payer")
    assert 1 == len(waiting["attempts"])
    await shop.payer_pays(waiting["out_no"])
    await shop.until(started["id"], "succeeded")
    await book_is_sound(shop)


async def test_a_send_that_never_reached_the_channel_is_sent_again_under_the_same_number(shop: Shop) -> None:
    """`reset_before` looks the same to us as an accepted order: the query says not found, and that proves nothing."""
    await shop.fault_at_app("pay", "reset_before")
    started = await shop.pay()
    assert ("pending", "unknown") == (started["state"], started["certainty"])
    waiting = await shop.until(started["id"], "awaiting_payer")
    assert started["attempts"][0]["out_no"] == waiting["out_no"]
    await shop.payer_pays(waiting["out_no"])
    await shop.until(started["id"], "succeeded")


async def test_duplicate_callbacks_have_one_effect(shop: Shop) -> None:
    """Three notifications at once: one posting, one event."""
    started = await shop.pay(lines=True)
    await shop.fault("callback", "duplicate", out_no=started["out_no"])
    await shop.payer_pays(started["out_no"])
    await shop.until(started["id"], "succeeded")
    assert (STOCK, 0, 2) == await shop.stock()
    await book_is_sound(shop)


async def test_a_callback_with_a_wrong_amount_only_makes_us_ask(shop: Shop) -> None:
    """The query's answer decides, not the notification's (law 8)."""
    started = await shop.pay()
    await shop.fault("callback", "wrong_amount", times=20, out_no=started["out_no"])
    await shop.payer_pays(started["out_no"])
    paid = await shop.until(started["id"], "succeeded")
    assert paid["captured_minor"] == paid["amount_minor"]
