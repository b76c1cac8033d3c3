"""A payment that nobody paid is closed, once nobody can pay it; money that comes anyway is given back."""

from datetime import timedelta

from tests.support.books import balances, book_is_sound, channel_account_balances
from tests.support.centre import eventually
from tests.support.shop import STOCK, WALLET_MINOR, Shop


async def test_the_business_closes_an_unpaid_payment(shop: Shop) -> None:
    """Query, close, query; then stock and balance are free and the order number with them."""
    started = await shop.pay(lines=True, balance_minor=1_000)
    closing = await shop.post(f"/v1/payments/{started['id']}/close", None)
    assert closing["state"] in {"closing", "closed"}
    closed = await shop.until(started["id"], "closed")
    assert ("requested", ["closed"]) == (closed["close_reason"], [one["state"] for one in closed["attempts"]])
    assert (STOCK, 0, 0) == await shop.stock()
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert {} == await balances(shop, closed["id"])


async def test_closing_a_paid_payment_is_refused(shop: Shop) -> None:
    """409 `payment_already_paid`, and nothing changes."""
    paid = await shop.pay(balance_minor=4_000)
    refused = await shop.call("POST", f"/v1/payments/{paid['id']}/close")
    assert (409, "payment_already_paid") == (refused.status_code, refused.json()["code"])


async def test_a_payment_that_turns_out_paid_while_closing_succeeds(shop: Shop) -> None:
    """The channel's word comes first: closing becomes confirming (design, 3)."""
    started = await shop.pay(lines=True)
    await shop.fault("callback", "lost", times=20, out_no=started["out_no"])
    await shop.payer_pays(started["out_no"])
    await shop.call("POST", f"/v1/payments/{started['id']}/close")
    paid = await shop.until(started["id"], "succeeded")
    assert None is paid["close_reason"]
    assert (STOCK, 0, 2) == await shop.stock()


async def test_an_expired_payment_is_closed(shop: Shop) -> None:
    """At expiry the order is closed at the channel, and what was held is free."""
    payment_id = await shop.start_order(expires_in_s=2, lines=True)
    closed = await shop.until(payment_id, "closed")
    assert "expired" == closed["close_reason"]
    assert (STOCK, 0, 0) == await shop.stock()


async def test_cancel_in_the_temporal_ui_closes_before_the_pivot(shop: Shop) -> None:
    """Cancel is a request to close: nothing is left held, and the row is terminal."""
    started = await shop.pay(lines=True, balance_minor=1_000)
    await shop.centre.temporal.get_workflow_handle(started["id"]).cancel()
    closed = await shop.until(started["id"], "closed")
    assert "requested" == closed["close_reason"]
    assert (WALLET_MINOR, 0) == await shop.wallet()


async def test_money_after_close_is_posted_apart_and_refunded(shop: Shop) -> None:
    """Late money is never dropped: closed stays closed, the refund has its own row, the merchant gets one event."""
    started = await shop.pay(lines=True)
    await shop.post(f"/v1/payments/{started['id']}/close", None)
    await shop.until(started["id"], "closed")
    await shop.payer_pays(started["out_no"], force=True)
    await shop.watch_until_returned(started["id"])
    payment = await shop.payment(started["id"])
    assert ("closed", ["returned"]) == (payment["state"], [one["state"] for one in payment["attempts"]])
    assert {"channel_clearing": 0, "unapplied": 0} == await channel_account_balances(shop)
    assert 1 == len(await shop.events("late_payment.refunded"))
    await book_is_sound(shop)


async def test_a_wrong_amount_closes_the_payment_and_goes_back(shop: Shop) -> None:
    """A mismatch waits in suspense with an owner until its refund has succeeded; it never becomes the payment."""
    await shop.fault_at_app("pay", "wrong_amount")
    started = await shop.pay(lines=True, balance_minor=1_000)
    await shop.payer_pays(started["out_no"])
    closed = await shop.until(started["id"], "closed")
    assert "amount_mismatch" == closed["close_reason"]
    await shop.watch_until_returned(started["id"])
    assert {"channel_clearing": 0, "suspense": 0} == await channel_account_balances(shop)
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert (STOCK, 0, 0) == await shop.stock()
    await book_is_sound(shop)


async def test_the_loser_of_an_unproven_switch_is_refunded(careless_shop: Shop) -> None:
    """Paid twice: the one applied second goes back through a refund of origin `duplicate` (laws 9, 10)."""
    shop = careless_shop
    started = await shop.pay(lines=True)
    switched = await shop.post(f"/v1/payments/{started['id']}/switch", {"channel": "sim", "invoke": "page"})
    assert ["presumed_closed", "waiting"] == [one["state"] for one in switched["attempts"]]
    await shop.payer_pays(switched["out_no"])
    await shop.until(started["id"], "succeeded")
    await shop.payer_pays(started["out_no"])
    await shop.watch_until_returned(started["id"])
    paid = await shop.payment(started["id"])
    assert ["returned", "paid"] == [one["state"] for one in paid["attempts"]]
    refunds = (await shop.get(f"/v1/refunds?payment_id={started['id']}"))["items"]
    assert [("duplicate", "succeeded")] == [(one["origin"], one["state"]) for one in refunds]
    await book_is_sound(shop)


async def test_a_switch_without_proof_is_refused(shop_without_proof: Shop) -> None:
    """409 `switch_unsafe` while the previous attempt may still be paid, unless the merchant chose otherwise."""
    shop = shop_without_proof
    started = await shop.pay()
    refused = await shop.call("POST", f"/v1/payments/{started['id']}/switch", {"channel": "sim", "invoke": "page"})
    assert (409, "switch_unsafe") == (refused.status_code, refused.json()["code"])
    assert 1 == len((await shop.payment(started["id"]))["attempts"])


async def test_a_switch_after_a_proven_close_starts_a_new_attempt(shop: Shop) -> None:
    """The previous attempt is closed at the channel first; then the payer pays the new one."""
    started = await shop.pay()
    switched = await shop.post(f"/v1/payments/{started['id']}/switch", {"channel": "sim", "invoke": "page"})
    assert ["closed", "waiting"] == [one["state"] for one in switched["attempts"]]
    assert "redirect" == switched["pay"]["kind"]
    await shop.payer_pays(switched["out_no"])
    await eventually(lambda: shop.payment(started["id"]), lambda payment: payment["state"] == "succeeded")


async def test_a_refund_whose_send_was_lost_is_sent_again(shop: Shop) -> None:
    """Unknown, then "not found": the same number goes out again, and the late money is back."""
    started = await shop.pay()
    await shop.post(f"/v1/payments/{started['id']}/close", None)
    await shop.until(started["id"], "closed")
    await shop.fault_at_app("refund", "reset_before")
    await shop.payer_pays(started["out_no"], force=True)
    await shop.watch_until_returned(started["id"])
    await book_is_sound(shop)


async def test_a_wrong_amount_after_a_final_close_is_found_and_goes_back(shop: Shop) -> None:
    """The notice only makes us ask, also about an attempt that nobody watched any more (laws 8, 9)."""
    started = await shop.pay()
    await shop.post(f"/v1/payments/{started['id']}/close", None)
    await shop.until(started["id"], "closed")
    await shop.payer_pays(started["out_no"], force=True, amount_minor=1)
    await shop.watch_until_returned(started["id"])
    refunds = (await shop.get(f"/v1/refunds?payment_id={started['id']}"))["items"]
    assert [("mismatch", 1, "succeeded")] == [(one["origin"], one["amount_minor"], one["state"]) for one in refunds]
    await book_is_sound(shop)


async def test_silence_after_the_expiry_closes_nothing(careless_shop: Shop) -> None:
    """While the channel does not answer, the payment stays closing; its first answer after the expiry ends it."""
    shop = careless_shop
    payment_id = await shop.start_order(expires_in_s=2, lines=True)
    await shop.fault_at_app("query", "status_500", times=3)
    await shop.until(payment_id, "closing")
    await eventually(
        lambda: shop.payment(payment_id),
        lambda payment: payment["state"] == "closed",
        within=timedelta(seconds=60),  # the pauses between the questions alone take 14 of them
    )
    journal = await shop.control("GET", "/_sim/journal?limit=500")
    asked = [
        one for one in journal if one["method"] == "GET" and (await shop.payment(payment_id))["out_no"] in one["path"]
    ]
    assert [200, 500, 500, 500] == sorted(one["status"] for one in asked)[:4]
