"""kill -9 of the worker before and after each commit of what takes an item out of suspense: the same end as without."""

import asyncio
from pathlib import Path
from typing import Any

from tests.faults.test_kill_points import HOME_WITHIN, give_up, park_at, points
from tests.support.books import channel_account_balances
from tests.support.centre import eventually
from tests.support.payee import fund_at_channel
from tests.support.shop import PRICE_MINOR, WALLET_MINOR, Shop
from tests.support.suspense import BOUNCED_MINOR, Suspense
from tests.support.worker_process import worker_process

REFUND = points("refund.open", "refund.sent", "refund.known", "refund.confirm", "channel.refund.call")
WALLET = points("transfer.post")
PAYOUT = points("payout.open", "payout.sent", "payout.known", "payout.confirm")


async def all_ended(suspense: Suspense, count: int) -> None:
    """There are so many items, and each has ended."""

    async def listed() -> list[dict[str, Any]]:
        return list((await suspense.shop.get("/v1/suspense_items?state=ended&limit=100"))["items"])

    await eventually(listed, lambda found: len(found) == count, within=HOME_WITHIN)


async def test_killed_at_each_point_every_item_ends_once(lone_shop: Shop, tmp_path: Path) -> None:
    """Whichever way it goes: the money has left suspense once, and the call that was lost answers so."""
    shop, suspense = lone_shop, Suspense(lone_shop)
    await fund_at_channel(shop)
    async with worker_process(shop.centre, tmp_path):
        bounced = [str((await suspense.bounced())["id"]) for _ in REFUND]
    calls = [(item_id, suspense.to_payer()) for item_id in bounced]
    calls += [(await suspense.place(), suspense.to_wallet()) for _ in WALLET]
    calls += [(await suspense.place(), suspense.to_payee()) for _ in PAYOUT]
    armed = REFUND | WALLET | PAYOUT
    async with worker_process(shop.centre, tmp_path, failpoints=park_at(armed)) as worker:
        posts = [asyncio.create_task(suspense.call(item_id, body)) for item_id, body in calls]
        await worker.until_parked(armed)
        worker.child.kill()
        give_up(posts)
    async with worker_process(shop.centre, tmp_path):
        await all_ended(suspense, len(calls))
        answers = [await suspense.resolve(item_id, body) for item_id, body in calls]
    assert {(200, "ended")} == {(status, one["state"]) for status, one in answers}
    left_minor = (len(PAYOUT) + len(REFUND)) * BOUNCED_MINOR
    came_minor = len(REFUND) * 2 * PRICE_MINOR + (len(WALLET) + len(PAYOUT)) * BOUNCED_MINOR
    assert {"suspense": 0, "channel_clearing": left_minor - came_minor} == await channel_account_balances(shop)
    assert (WALLET_MINOR + len(WALLET) * BOUNCED_MINOR, 0) == await shop.wallet()
    await suspense.refunds.sound()
