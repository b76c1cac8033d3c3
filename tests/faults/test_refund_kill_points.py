"""kill -9 of the worker before and after each commit of a refund: the same end as without (laws 2, 4, 11)."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from tests.faults.test_kill_points import HOME_WITHIN, give_up, park_at, points
from tests.support.books import balances, book_is_sound, channel_account_balances
from tests.support.centre import eventually
from tests.support.refunds import Refunds
from tests.support.shop import PRICE_MINOR, STOCK, WALLET_MINOR, Shop
from tests.support.worker_process import worker_process

AMOUNT_MINOR = 2 * PRICE_MINOR
BALANCE_MINOR = 1_000
SUCCEEDED = points("refund.open", "refund.sent", "refund.known", "refund.confirm", "channel.refund.call")
REJECTED = points("refund.decide", "refund.fail")
REFUSED = points("refund.known", "refund.fail")
LINES = [{"line_no": 1, "quantity": 2}]


async def paid_payments(refunds: Refunds, folder: Path, count: int) -> list[str]:
    """So many payments that have succeeded; their worker is gone."""
    async with worker_process(refunds.shop.centre, folder):
        paid = await asyncio.gather(*(refunds.paid(lines=True, balance_minor=BALANCE_MINOR) for _ in range(count)))
    return [one["id"] for one in paid]


async def all_in(shop: Shop, count: int, state: str) -> list[dict[str, Any]]:
    """All refunds, once there are so many and each is in this state."""

    async def listed() -> list[dict[str, Any]]:
        return list((await shop.get("/v1/refunds?limit=100"))["items"])

    def home(found: list[dict[str, Any]]) -> bool:
        return len(found) == count and all(one["state"] == state for one in found)

    found: list[dict[str, Any]] = await eventually(listed, home, within=HOME_WITHIN)
    return found


async def test_killed_at_each_point_every_refund_succeeds_once(lone_shop: Shop, tmp_path: Path) -> None:
    """Quota, wallet, stock, book and channel say the same as without the kill."""
    shop, refunds, count = lone_shop, Refunds(lone_shop), len(SUCCEEDED)
    payments = await paid_payments(refunds, tmp_path, count)
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(SUCCEEDED)) as worker:
        posts = [asyncio.create_task(refunds.ask(one, AMOUNT_MINOR, lines=LINES)) for one in payments]
        await worker.until_parked(SUCCEEDED)
        worker.child.kill()
        give_up(posts)
    async with worker_process(shop.centre, tmp_path):
        ended = await all_in(shop, count, "succeeded")
    assert {} == await balances(shop, *payments, *(one["id"] for one in ended))
    assert {"channel_clearing": 0} == await channel_account_balances(shop)
    assert ((STOCK, 0, 0), (WALLET_MINOR, 0)) == (await shop.stock(), await shop.wallet())
    assert {(AMOUNT_MINOR, AMOUNT_MINOR, 0)} == {await refunds.standing(one) for one in payments}
    book = await shop.control("GET", "/_sim/book")
    numbers = {one["out_refund_no"] for one in ended}
    assert count == len([one for one in book["refunds"] if one["refund_no"] in numbers])
    await refunds.sound()


async def test_killed_at_each_point_every_rejected_refund_lets_everything_go(lone_shop: Shop, tmp_path: Path) -> None:
    """Nothing is held, counted or sent."""
    shop, refunds, count = lone_shop, Refunds(lone_shop), len(REJECTED)
    await refunds.rule(approval_above_minor=0)
    payments = await paid_payments(refunds, tmp_path, count)
    before = await refunds.merchant()
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(REJECTED)) as worker:
        started = [await refunds.start(one, AMOUNT_MINOR, lines=LINES) for one in payments]
        decisions = [asyncio.create_task(_rejected(refunds, one["id"])) for one in started]
        await worker.until_parked(REJECTED)
        worker.child.kill()
        give_up(decisions)
    async with worker_process(shop.centre, tmp_path):
        again = [asyncio.create_task(_rejected(refunds, one["id"])) for one in started]
        failed = await all_in(shop, count, "failed")
        await asyncio.gather(*again)
    assert {"approval_rejected"} == {one["failure"]["code"] for one in failed}
    assert before == await refunds.merchant()
    assert {(AMOUNT_MINOR, 0, 0)} == {await refunds.standing(one) for one in payments}
    assert (STOCK, 0, 2 * count) == await shop.stock()
    await refunds.sound()


async def test_killed_at_each_point_every_refused_refund_lets_everything_go(lone_shop: Shop, tmp_path: Path) -> None:
    """A refusal that was kept is undone once; one that only the killed worker heard is heard again.

    It is believed when nothing can be on its way any more, that is minutes after the send: here they pass at once.
    """
    shop, refunds, count = lone_shop, Refunds(lone_shop), len(REFUSED)
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(REFUSED)) as worker:
        payments = await asyncio.gather(*(refunds.paid(lines=True, balance_minor=BALANCE_MINOR) for _ in range(count)))
        for one in payments:
            await refunds.unknown_at_channel(one["out_no"])
        posts = [asyncio.create_task(refunds.ask(one["id"], AMOUNT_MINOR, lines=LINES)) for one in payments]
        await worker.until_parked(REFUSED)
        worker.child.kill()
        give_up(posts)
    await refunds.change("UPDATE refund SET last_sent_at = last_sent_at - interval '3 minutes'")

    async def ended() -> list[dict[str, Any]]:
        return [one for one in (await shop.get("/v1/refunds"))["items"] if one["state"] == "failed"]

    async with worker_process(shop.centre, tmp_path):
        failed = await eventually(ended, lambda found: len(found) == count, within=HOME_WITHIN)
    assert [("channel_rejected", AMOUNT_MINOR)] * count == [
        (one["failure"]["code"], one["amount_minor"]) for one in failed
    ]
    assert [(AMOUNT_MINOR, 0, 0)] * count == [await refunds.standing(one["id"]) for one in payments]
    assert 0 == await refunds.open_holds(*(one["id"] for one in failed))
    assert ((STOCK, 0, 2 * count), (WALLET_MINOR - count * BALANCE_MINOR, 0)) == (
        await shop.stock(),
        await shop.wallet(),
    )
    await book_is_sound(shop)


async def _rejected(refunds: Refunds, refund_id: str) -> httpx.Response:
    return await refunds.decide(refund_id, "reject", "no")
