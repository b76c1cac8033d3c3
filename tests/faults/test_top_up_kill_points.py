"""kill -9 of the worker before and after each commit of a top-up: the same end as without (laws 2, 4, 11)."""

import asyncio
from pathlib import Path
from typing import Any

from tests.faults.test_kill_points import HOME_WITHIN, give_up, park_at, pay_whoever_waits, points
from tests.support.books import balances
from tests.support.centre import eventually
from tests.support.refunds import Refunds
from tests.support.shop import Shop
from tests.support.top_ups import TOP_UP_MINOR, Purse
from tests.support.worker_process import worker_process

PAID = points("payment.open", "channel.sent", "channel.known", "channel.callback", "channel.pay.call", "funds.confirm")
CLOSED = points("payment.close", "channel.query.known", "channel.close.known", "payment.finish")


async def listed(shop: Shop) -> list[dict[str, Any]]:
    """The shop's top-ups."""
    return list((await shop.get("/v1/top_ups?limit=100"))["items"])


async def test_killed_at_each_point_every_top_up_is_the_wallets_once(lone_shop: Shop, tmp_path: Path) -> None:
    """Wallet, book and channel say the same as without the kill."""
    shop, count, paid = lone_shop, len(PAID), set[str]()
    purse = await Purse.open(shop)
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(PAID)) as worker:
        posts = [asyncio.create_task(shop.call("POST", "/v1/top_ups", purse.body())) for _ in range(count)]

        async def missing() -> set[str]:
            await pay_whoever_waits(shop, paid)
            return PAID - worker.parked()

        await eventually(missing, lambda left: not left, within=HOME_WITHIN)
        worker.child.kill()
        give_up(posts)
    async with worker_process(shop.centre, tmp_path):

        async def settled() -> bool:
            await pay_whoever_waits(shop, paid)
            found = await listed(shop)
            return len(found) == count and all(one["state"] == "succeeded" for one in found)

        await eventually(settled, bool, within=HOME_WITHIN)
    assert (count * TOP_UP_MINOR, 0) == await purse.balance()
    ids = [one["id"] for one in await listed(shop)]
    expected = {"channel_clearing": -count * TOP_UP_MINOR, "wallet": count * TOP_UP_MINOR}
    assert expected == await balances(shop, *ids)
    assert [("paid", TOP_UP_MINOR)] * count == await orders_of(shop)
    await Refunds(shop).sound()


async def test_killed_at_each_point_of_a_close_no_top_up_reaches_the_wallet(lone_shop: Shop, tmp_path: Path) -> None:
    """Closed as requested, and every order closed at the channel."""
    shop, count = lone_shop, len(CLOSED)
    purse = await Purse.open(shop)
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(CLOSED)) as worker:
        started = await asyncio.gather(*(purse.top_up() for _ in range(count)))
        closes = [asyncio.create_task(shop.call("POST", f"/v1/top_ups/{one['id']}/close")) for one in started]
        await worker.until_parked(CLOSED)
        worker.child.kill()
        give_up(closes)
    async with worker_process(shop.centre, tmp_path):
        closed = await eventually(
            lambda: listed(shop), lambda found: all(one["state"] == "closed" for one in found), within=HOME_WITHIN
        )
    assert (count, {"requested"}) == (len(closed), {one["close_reason"] for one in closed})
    assert (0, 0) == await purse.balance()
    assert [("closed", TOP_UP_MINOR)] * count == await orders_of(shop)
    await Refunds(shop).sound()


async def orders_of(shop: Shop) -> list[tuple[str, int]]:
    """State and amount of the shop's orders in the channel's own book."""
    book = await shop.control("GET", "/_sim/book")
    return [(one["state"], one["amount_minor"]) for one in book["orders"] if one["app_id"] == shop.app_id]
