"""kill -9 of the worker before and after each commit: the same end as without (laws 2, 4, 11).

Each armed point stops the first payment that comes by, so one kill serves them all: as many payments as points are
started, the worker is killed when each point holds one, and a new worker brings all of them home.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.books import book_is_sound
from tests.support.centre import eventually
from tests.support.shop import PRICE_MINOR, STOCK, WALLET_MINOR, Shop
from tests.support.worker_process import worker_process

HOME_WITHIN = timedelta(seconds=40)


def points(*names: str) -> set[str]:
    """Before and after each."""
    return {f"{name}:{side}" for name in names for side in ("before", "after")}


def park_at(armed: set[str]) -> str:
    """The failpoints' setting."""
    return ",".join(f"{point}=park" for point in sorted(armed))


PAID = points("payment.open", "channel.sent", "channel.known", "channel.callback")
PAID |= points("inventory+funds.confirm", "channel.pay.call")
REFUSED = points("payment.refuse", "channel.forbid", "inventory.cancel", "funds.cancel", "payment.finish")
CLOSED = points("payment.close", "channel.query.known", "channel.close.known", "inventory.cancel", "funds.cancel")
CLOSED |= points("payment.finish")


def give_up(calls: Sequence[asyncio.Task[Any]]) -> None:
    """The business does not wait for its answers; what was started must end without it."""
    for call in calls:
        call.cancel()


async def listed(shop: Shop) -> list[dict[str, Any]]:
    """The shop's payments."""
    return list((await shop.get("/v1/payments?limit=100"))["items"])


async def all_in(shop: Shop, count: int, *states: str) -> list[dict[str, Any]]:
    """All payments, once there are so many and each is in one of these states."""

    def home(payments: list[dict[str, Any]]) -> bool:
        return len(payments) == count and all(one["state"] in states for one in payments)

    found: list[dict[str, Any]] = await eventually(lambda: listed(shop), home, within=HOME_WITHIN)
    return found


async def pay_whoever_waits(shop: Shop, paid: set[str]) -> None:
    """The payer pays every order that is at the channel and not paid yet."""
    book = await shop.control("GET", "/_sim/book")
    ours = [order for order in book["orders"] if order["app_id"] == shop.app_id]
    for order in ours:
        if order["state"] == "waiting" and order["out_no"] not in paid:
            paid.add(order["out_no"])
            await shop.payer_pays(order["out_no"])


async def test_killed_at_each_point_of_a_payment_every_payment_succeeds_once(lone_shop: Shop, tmp_path: Path) -> None:
    """Stock, balance, book and channel say the same as without the kill."""
    shop, count, paid = lone_shop, len(PAID), set[str]()
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(PAID)) as worker:
        bodies = [shop.order(lines=True, balance_minor=1_000) for _ in range(count)]
        posts = [asyncio.create_task(shop.call("POST", "/v1/payments", body)) for body in bodies]

        async def missing() -> set[str]:
            await pay_whoever_waits(shop, paid)
            return PAID - worker.parked()

        await eventually(missing, lambda left: not left)
        worker.child.kill()
        give_up(posts)
    async with worker_process(shop.centre, tmp_path):

        async def settled() -> bool:
            await pay_whoever_waits(shop, paid)
            payments = await listed(shop)
            return len(payments) == count and all(one["state"] == "succeeded" for one in payments)

        await eventually(settled, bool, within=HOME_WITHIN)
    assert (STOCK, 0, 2 * count) == await shop.stock()
    assert (WALLET_MINOR - 1_000 * count, 0) == await shop.wallet()
    await channel_agrees(shop, count)
    await book_is_sound(shop)


async def channel_agrees(shop: Shop, count: int) -> None:
    """The channel has each payment once, paid in full, and nothing else of this shop."""
    book = await shop.control("GET", "/_sim/book")
    ours = [order for order in book["orders"] if order["app_id"] == shop.app_id]
    assert [("paid", 2 * PRICE_MINOR - 1_000)] * count == [(one["state"], one["amount_minor"]) for one in ours]


async def test_killed_at_each_point_of_a_refusal_everything_is_given_back(lone_shop: Shop, tmp_path: Path) -> None:
    """Out of stock: failed with that code, nothing held, nothing at the channel."""
    shop, count = lone_shop, len(REFUSED)
    lines = [{"sku": shop.sku, "quantity": STOCK + 1, "unit_price_minor": PRICE_MINOR}]
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(REFUSED)) as worker:
        amount_minor = (STOCK + 1) * PRICE_MINOR
        bodies = [shop.order(amount_minor, lines=lines, balance_minor=100) for _ in range(count)]
        posts = [asyncio.create_task(shop.call("POST", "/v1/payments", body)) for body in bodies]
        await worker.until_parked(REFUSED)
        worker.child.kill()
        give_up(posts)
    async with worker_process(shop.centre, tmp_path):
        failed = await all_in(shop, count, "failed")
    assert {"out_of_stock"} == {one["failure"]["code"] for one in failed}
    assert ((STOCK, 0, 0), (WALLET_MINOR, 0)) == (await shop.stock(), await shop.wallet())
    await channel_agrees(shop, 0)
    await book_is_sound(shop)


async def test_killed_at_each_point_of_a_close_everything_is_given_back(lone_shop: Shop, tmp_path: Path) -> None:
    """Closed as requested, nothing held, every order closed at the channel."""
    shop, count = lone_shop, len(CLOSED)
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(CLOSED)) as worker:
        started = await asyncio.gather(*(shop.pay(lines=True, balance_minor=100) for _ in range(count)))
        closes = [asyncio.create_task(shop.call("POST", f"/v1/payments/{one['id']}/close")) for one in started]
        await worker.until_parked(CLOSED)
        worker.child.kill()
        give_up(closes)
    async with worker_process(shop.centre, tmp_path):
        closed = await all_in(shop, count, "closed")
    assert {"requested"} == {one["close_reason"] for one in closed}
    assert ((STOCK, 0, 0), (WALLET_MINOR, 0)) == (await shop.stock(), await shop.wallet())
    await book_is_sound(shop)


@pytest.mark.parametrize("side", ["before", "after"])
async def test_killed_around_the_channel_call_the_order_exists_once(lone_shop: Shop, tmp_path: Path, side: str) -> None:
    """The next worker finds SENT and sends again under the same number: one order, paid once."""
    shop = lone_shop
    async with worker_process(shop.centre, tmp_path, failpoints=f"channel.pay.call:{side}=kill") as worker:
        post = asyncio.create_task(shop.call("POST", "/v1/payments", shop.order(lines=True)))
        await worker.until_dead()
        give_up([post])
    async with worker_process(shop.centre, tmp_path):
        (payment,) = await all_in(shop, 1, "awaiting_payer")
        await shop.payer_pays(payment["out_no"])
        await all_in(shop, 1, "succeeded")
    assert (STOCK, 0, 2) == await shop.stock()
