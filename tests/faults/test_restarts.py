"""Temporal and PostgreSQL go away in the middle of fifty payments, and all of them end right."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.books import book_is_sound
from tests.support.centre import Centre, eventually
from tests.support.servers import Addresses, Servers
from tests.support.shop import STOCK, WALLET_MINOR, Shop

PAYMENTS = 50
HOME_WITHIN = timedelta(seconds=60)


@pytest.fixture(scope="module")
def own_servers() -> Iterator[tuple[Servers, Addresses]]:
    """Servers that nobody else uses, to be killed."""
    servers = Servers(durable=True)
    addresses = servers.start()
    yield servers, addresses
    servers.stop()


@pytest.fixture
async def fragile_shop(own_servers: tuple[Servers, Addresses]) -> AsyncIterator[Shop]:
    """A merchant of a centre on those servers."""
    async with Centre.running(own_servers[1]) as centre:
        shop = await Shop.open(centre)
        await shop.control("POST", "/_sim/mode", {"auto_pay_ms": 200})
        yield shop


async def post_until_answered(shop: Shop, body: dict[str, Any]) -> str:
    """What a business does: the same call with the same key until it is a payment; answers the payment's id."""
    while True:
        try:
            answer = await shop.call("POST", "/v1/payments", body, **{"Idempotency-Key": body["order_no"]})
        except httpx.TransportError:
            continue
        if answer.status_code == 201:
            return str(answer.json()["id"])
        assert (503, True) == (answer.status_code, "Retry-After" in answer.headers), answer.text
        await asyncio.sleep(0.2)


async def test_fifty_payments_survive_restarts_of_temporal_and_postgresql(
    own_servers: tuple[Servers, Addresses], fragile_shop: Shop
) -> None:
    """Kill -9 of both while payments open, wait and confirm: each is paid once, and the book is sound."""
    servers, shop = own_servers[0], fragile_shop
    bodies = [shop.order(amount_minor=2_000, balance_minor=500) for _ in range(PAYMENTS)]
    posts = [asyncio.create_task(post_until_answered(shop, body)) for body in bodies]
    for server in (servers.temporal, servers.postgres):
        await eventually(lambda: opened(posts), lambda count: count >= PAYMENTS // 10)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    ids = await asyncio.gather(*posts)
    assert PAYMENTS == len(set(ids))
    await eventually(lambda: in_state(shop, "succeeded"), lambda count: count == PAYMENTS, within=HOME_WITHIN)
    assert (WALLET_MINOR - 500 * PAYMENTS, 0) == await shop.wallet()
    assert (STOCK, 0, 0) == await shop.stock()
    book = await shop.control("GET", "/_sim/book")
    assert [("paid", 1_500)] * PAYMENTS == [(order["state"], order["amount_minor"]) for order in book["orders"]]
    await book_is_sound(shop)


async def opened(posts: list[asyncio.Task[str]]) -> int:
    """How many payments have been answered."""
    return sum(post.done() for post in posts)


async def in_state(shop: Shop, state: str) -> int:
    """How many of the shop's payments are in the state; -1 while the API cannot tell."""
    answer = await shop.call("GET", f"/v1/payments?state={state}&limit=100")
    return len(answer.json()["items"]) if answer.status_code == 200 else -1
