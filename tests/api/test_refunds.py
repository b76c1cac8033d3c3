"""Refunds, as far as they are read: money that came too late is given back and seen."""

from tests.support.centre import Centre
from tests.support.shop import Shop


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
