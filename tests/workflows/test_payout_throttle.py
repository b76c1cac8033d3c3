"""Payouts go out no faster than the setting says, whatever asks for them."""

import asyncio
from itertools import pairwise

from sqlalchemy import text

from tests.support.centre import Centre, worker_running
from tests.support.payee import fund_at_channel, pay_out, payout_until
from tests.support.servers import Addresses
from tests.support.shop import Shop

PAYOUTS = 6
_SENT = text("SELECT sent_at FROM payout WHERE id = ANY(:ids) ORDER BY sent_at")


async def test_a_rush_of_payouts_is_spread_over_time(addresses: Addresses) -> None:
    """At one a second six take seconds; at the default they would take a moment."""
    async with Centre.running(addresses, with_worker=False) as centre:
        slow = centre.settings.model_copy(update={"payouts_per_second": 1})
        async with worker_running(slow):
            shop = await Shop.open(centre)
            await fund_at_channel(shop)
            started = await asyncio.gather(*(pay_out(shop, 100) for _ in range(PAYOUTS)))
            ids = [payout["id"] for payout in started]
            for payout_id in ids:
                await payout_until(shop, payout_id, "succeeded")
            async with centre.database.reading() as session:
                sent = list((await session.scalars(_SENT, {"ids": ids})).all())
    pauses_s = [(later - earlier).total_seconds() for earlier, later in pairwise(sent)]
    assert (sent[-1] - sent[0]).total_seconds() >= 3, pauses_s
