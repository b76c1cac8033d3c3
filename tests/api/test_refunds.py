"""Refunds, as far as they are read: money that came too late is given back and seen."""

from tests.support.centre import Centre, eventually
from tests.support.shop import Shop


async def test_money_after_close_is_seen_as_a_refund(centre: Centre, shop: Shop) -> None:
    """By payment and by id, for its merchant alone."""
    payment = await shop.pay()
    await shop.post(f"/v1/payments/{payment['id']}/close", None)
    await shop.until(payment["id"], "closed")
    await shop.payer_pays(payment["out_no"], force=True)
    path = f"/v1/refunds?payment_id={payment['id']}"
    found = await eventually(lambda: shop.get(path), lambda page: page["items"])
    refund = found["items"][0]
    assert ("late", payment["amount_minor"]) == (refund["origin"], refund["amount_minor"])
    assert refund["id"] == (await shop.get(f"/v1/refunds/{refund['id']}"))["id"]
    other = await Shop.open(centre)
    answer = await other.call("GET", f"/v1/refunds/{refund['id']}")
    assert (404, "not_found", []) == (answer.status_code, answer.json()["code"], (await other.get(path))["items"])
