"""The feed: complete, in order, and every merchant's own."""

import asyncio

from tests.support.centre import Centre, eventually
from tests.support.shop import Shop


async def _succeeded(shop: Shop) -> str:
    payment = await shop.pay(amount_minor=100, balance_minor=100)
    return str(payment["id"])


async def test_a_reader_with_a_cursor_gets_every_event_once_and_in_order(shop: Shop) -> None:
    """Oldest first; `next` also holds when nothing is new."""
    paid = [await _succeeded(shop) for _ in range(3)]
    await eventually(lambda: shop.get("/v1/events"), lambda feed: len(feed["items"]) >= 3)
    seen, after = [], ""
    for _ in range(4):
        page = await shop.get(f"/v1/events?limit=1&type=payment.succeeded{after}")
        seen += page["items"]
        after = f"&after={page['next']}"
    assert paid == [event["data"]["object"]["id"] for event in seen]
    assert {"payment.succeeded"} == {event["type"] for event in seen}


async def test_an_event_shows_the_object_of_then_without_pay_parameters(shop: Shop) -> None:
    """An event may be kept and passed on, so it carries nothing that pays."""
    payment = await shop.pay()
    feed = await eventually(lambda: shop.get("/v1/events"), lambda feed: feed["items"])
    told = feed["items"][0]
    assert ("payment.awaiting_payer", payment["id"]) == (told["type"], told["data"]["object"]["id"])
    assert not told["data"]["object"].get("pay")
    one = await shop.get(f"/v1/events/{told['id']}")
    assert ([], told) == (one.pop("deliveries"), one)


async def test_an_event_is_told_again_when_asked(shop: Shop) -> None:
    """The same event id, a delivery of its own, and the log of both."""
    path = f"/v1/merchants/{shop.merchant_id}/webhook"
    url = f"{shop.centre.addresses.sink}/hook"
    assert 200 == (await shop.call("PUT", path, {"url": url})).status_code
    await _succeeded(shop)
    event = (await eventually(lambda: shop.get("/v1/events"), lambda feed: feed["items"]))["items"][0]
    resent = await shop.call("POST", f"/v1/events/{event['id']}/resend")
    assert (202, 1) == (resent.status_code, len(resent.json()["deliveries"]))
    told = await eventually(
        lambda: shop.get(f"/v1/events/{event['id']}"),
        lambda one: ["delivered"] * 2 == [delivery["state"] for delivery in one["deliveries"]],
    )
    assert [[200], [200]] == [[call["status"] for call in delivery["calls"]] for delivery in told["deliveries"]]


async def test_another_merchants_events_do_not_exist(centre: Centre, shop: Shop) -> None:
    """Neither to read, nor to resend, nor as a cursor."""
    other = await Shop.open(centre)
    await _succeeded(other)
    event = (await eventually(lambda: other.get("/v1/events"), lambda feed: feed["items"]))["items"][0]
    path = f"/v1/events/{event['id']}"
    answers = await asyncio.gather(
        shop.call("GET", path), shop.call("POST", f"{path}/resend"), shop.call("GET", f"/v1/events?after={event['id']}")
    )
    assert ["not_found", "not_found", "invalid_request"] == [answer.json()["code"] for answer in answers]
    assert [] == (await shop.get("/v1/events"))["items"]
