"""A claim that the database could not end says nothing: it is asked again while the caller would wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from sqlalchemy import text

from tests.support.centre import Centre
from tests.support.shop import Shop

PATIENCE_S = 30
_TAKE_ORDER = text(
    "INSERT INTO order_claim (merchant_id, order_no, payment_id, request_hash)"
    " VALUES (:merchant_id, :order_no, 'pay_other', 'other') RETURNING pg_backend_pid()"
)
_WAITS_SINCE = text("SELECT max(xact_start) FROM pg_stat_activity WHERE :holder = ANY(pg_blocking_pids(pid))")


class WentAway(Exception):
    """The call that held the order number is undone."""


async def next_wait(centre: Centre, holder: int, *, after: datetime | None = None) -> datetime:
    """When the transaction began that waits for the holder; with `after`, a later one."""
    async with asyncio.timeout(PATIENCE_S), centre.database.reading() as session:
        while True:
            since: datetime | None = await session.scalar(_WAITS_SINCE, {"holder": holder})
            if since is not None and (after is None or since > after):
                return since


@asynccontextmanager
async def taken(centre: Centre, shop: Shop, order_no: str) -> AsyncIterator[int]:
    """The order number is another call's, which is undone at the end; answers its session."""
    with suppress(WentAway):
        async with centre.database.transaction("test") as session:
            yield await session.scalar(_TAKE_ORDER, {"merchant_id": shop.merchant_id, "order_no": order_no})
            raise WentAway


async def test_a_claim_that_had_no_lock_in_time_is_asked_again(centre: Centre, shop: Shop) -> None:
    """Another call holds the order number for longer than a lock is waited for, and goes: the payment opens, once."""
    body = shop.order()
    async with taken(centre, shop, body["order_no"]) as holder:
        asked = asyncio.create_task(shop.call("POST", "/v1/payments", body))
        await next_wait(centre, holder, after=await next_wait(centre, holder))
    answer = await asked
    assert (201, False) == (answer.status_code, "Idempotent-Replayed" in answer.headers)
