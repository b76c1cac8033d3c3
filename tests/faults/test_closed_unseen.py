"""An order that the channel ended before anybody was shown it keeps neither its business nor what it holds waiting."""

import asyncio
from pathlib import Path

from sqlalchemy import text

from tests.support.books import book_is_sound
from tests.support.shop import STOCK, WALLET_MINOR, Shop
from tests.support.worker_process import worker_process

ANSWERED = "channel.known:before"
BALANCE_MINOR = 1_000
OUT_NO = text("SELECT out_no FROM attempt WHERE payment_id = :id")


async def test_a_payment_whose_order_was_closed_unseen_has_failed(lone_shop: Shop, tmp_path: Path) -> None:
    """Its sender died with the channel's answer; the order is closed for good, so the payment is not waited for."""
    shop = lone_shop
    async with worker_process(shop.centre, tmp_path, failpoints=f"{ANSWERED}=park") as worker:
        payment_id = await shop.start_order(expires_in_s=900, lines=True, balance_minor=BALANCE_MINOR)
        await worker.until_parked({ANSWERED})
        await asyncio.to_thread(worker.child.kill)
    async with shop.centre.database.reading() as session:
        out_no = await session.scalar(OUT_NO, {"id": payment_id})
    await shop.close_by_hand(payment_id, out_no)
    assert "pending" == (await shop.payment(payment_id))["state"]
    async with worker_process(shop.centre, tmp_path):
        ended = await shop.until(payment_id, "failed")
    assert "channel_declined" == ended["failure"]["code"]
    assert ((STOCK, 0, 0), (WALLET_MINOR, 0)) == (await shop.stock(), await shop.wallet())
    await book_is_sound(shop)
