"""A step that runs again may find the payment further than it left it: then the workflow ends too (law 11).

All steps of one workflow task run again when the task is lost after their commits.
"""

import asyncio
from pathlib import Path
from typing import Any

from tests.support.centre import eventually
from tests.support.shop import STOCK, WALLET_MINOR, Shop
from tests.support.worker_process import worker_process

CONFIRMED = "inventory+funds.confirm:after"
BALANCE_MINOR = 1_000
ENDS_WITHIN_S = 30


async def until_closed(shop: Shop, payment_id: str) -> dict[str, Any]:
    """What the workflow answered at its end."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        answer: dict[str, Any] = await shop.centre.temporal.get_workflow_handle(payment_id).result()
        return answer


async def test_a_callback_that_is_applied_again_finds_the_payment_succeeded(lone_shop: Shop, tmp_path: Path) -> None:
    """Callback and confirm were one task: the callback's second run answers `succeeded`, and the workflow closes."""
    shop = lone_shop
    async with worker_process(shop.centre, tmp_path, failpoints=f"{CONFIRMED}=park") as worker:
        started = await shop.pay(lines=True, balance_minor=BALANCE_MINOR)
        await shop.payer_pays(started["out_no"])
        await worker.until_parked({CONFIRMED})
        await asyncio.to_thread(worker.child.kill)
    await shop.until(started["id"], "succeeded")
    async with worker_process(shop.centre, tmp_path):
        assert "succeeded" == (await until_closed(shop, started["id"]))["state"]
    assert ((STOCK, 0, 2), (WALLET_MINOR - BALANCE_MINOR, 0)) == (await shop.stock(), await shop.wallet())


async def test_a_callback_while_closing_that_is_applied_again_cancels_nothing(lone_shop: Shop, tmp_path: Path) -> None:
    """Paid while closing, confirmed, and run again: nothing is proven unpaid, and what was confirmed stays."""
    shop = lone_shop
    async with worker_process(shop.centre, tmp_path, failpoints=f"{CONFIRMED}=park") as worker:
        started = await shop.pay(lines=True, balance_minor=BALANCE_MINOR)
        await shop.fault("close", "status_500", times=1_000, out_no=started["out_no"])
        await shop.fault("query", "stale", times=1_000, out_no=started["out_no"])
        closing = asyncio.create_task(shop.call("POST", f"/v1/payments/{started['id']}/close"))
        await shop.until(started["id"], "closing")
        await shop.payer_pays(started["out_no"])
        await worker.until_parked({CONFIRMED})
        await asyncio.to_thread(worker.child.kill)
        closing.cancel()
    async with worker_process(shop.centre, tmp_path):
        assert "succeeded" == (await until_closed(shop, started["id"]))["state"]
    paid = await eventually(lambda: shop.payment(started["id"]), lambda one: one["state"] == "succeeded")
    assert False is paid["needs_attention"]
    assert ((STOCK, 0, 2), (WALLET_MINOR - BALANCE_MINOR, 0)) == (await shop.stock(), await shop.wallet())
