"""Hostile webhook endpoints delay nobody else and block no loop."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chaos.sinks import HostileSink, Hostility
from tests.activities.receiver import Receiver, receiving
from tests.support.centre import Centre, eventually
from tests.support.shop import Shop

SLOW = (Hostility.HANG, Hostility.DRIP)
EVENTS = 20  # of each slow merchant: more than are tried at once, and in a row longer than a receiver is waited for


@pytest.fixture
async def hostile() -> AsyncIterator[HostileSink]:
    async with HostileSink.running() as running:
        yield running


@pytest.fixture
async def friendly() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def shop_with(centre: Centre, url: str) -> Shop:
    """A merchant with that endpoint."""
    shop = await Shop.open(centre)
    answer = await shop.call("PUT", f"/v1/merchants/{shop.merchant_id}/webhook", {"url": url})
    assert 200 == answer.status_code, answer.text
    return shop


async def sells(shop: Shop, count: int = 1) -> None:
    """So many payments that succeed at once, out of the wallet."""
    orders = [shop.order(amount_minor=100, balance_minor=100) for _ in range(count)]
    await asyncio.gather(*(shop.post("/v1/payments", order) for order in orders))


async def until_called(hostile: HostileSink, *hostilities: Hostility) -> None:
    """Each of these endpoints has been called."""

    async def silent() -> set[Hostility]:
        return {one for one in hostilities if not hostile.calls[one]}

    await eventually(silent, lambda left: not left)


async def test_hostile_endpoints_delay_nobody_else(centre: Centre, hostile: HostileSink, friendly: Receiver) -> None:
    """Another merchant's event arrives before the slow calls can have ended one after the other."""
    shops = {kind: await shop_with(centre, hostile.url(kind)) for kind in Hostility}
    good = await shop_with(centre, friendly.url)
    for kind, shop in shops.items():
        await sells(shop, EVENTS if kind in SLOW else 1)
    await until_called(hostile, *Hostility)
    await sells(good)
    await friendly.wait_for_calls(1)
    for shop in shops.values():
        assert "succeeded" == (await shop.events("payment.succeeded"))[0]["data"]["object"]["state"]


async def test_a_redirect_is_not_followed_and_an_answer_is_not_read_to_its_end(
    centre: Centre, hostile: HostileSink
) -> None:
    """The delivery log says what came; a success with an endless body is a success."""
    shops = {kind: await shop_with(centre, hostile.url(kind)) for kind in (Hostility.REDIRECT, Hostility.HUGE)}
    for shop in shops.values():
        await sells(shop)
    await until_called(hostile, *shops)
    event = (await shops[Hostility.HUGE].events("payment.succeeded"))[0]
    shown = await eventually(
        lambda: shops[Hostility.HUGE].get(f"/v1/events/{event['id']}"),
        lambda found: found["deliveries"][0]["state"] != "pending",
    )
    assert "delivered" == shown["deliveries"][0]["state"]
    assert hostile.calls[Hostility.REDIRECT] >= 1
