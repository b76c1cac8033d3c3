"""What a payment reads and writes lies in the partitions of its own time."""

import asyncpg
from sqlalchemy import make_url

from tests.support.centre import Centre, eventually
from tests.support.servers import Addresses
from tests.support.shop import Shop

#: Scans of partitions that have no row of now. A connection tells what it scanned when it is closed, at the latest.
_BESIDE = """
    SELECT DISTINCT parent.relname
    FROM pg_stat_user_tables JOIN pg_inherits ON inhrelid = relid JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE pg_stat_user_tables.relname NOT LIKE '%\\_first' AND seq_scan + coalesce(idx_scan, 0) > 0
"""
_OF_NOW = "SELECT sum(idx_scan)::int FROM pg_stat_user_tables WHERE relname = 'callback_first'"
#: A statement's plan is made anew five times, and kept then.
PAYMENTS = 7
#: The loop that hands events over looks for whatever waits, once for all payments of a tick.
_OF_THE_LOOP = {"event", "delivery"}


async def test_a_payment_touches_no_partition_but_its_own(addresses: Addresses) -> None:
    """However many partitions there are, a step costs the same: its statements are bound by an id or a time."""
    async with Centre.running(addresses) as centre:
        shop = await Shop.open(centre)
        for _ in range(PAYMENTS):
            paid = await shop.pay(lines=True, balance_minor=1_000, notify_url=f"{addresses.sink}/hook")
            await shop.payer_pays(paid["out_no"])
            await shop.until(paid["id"], "succeeded")
        url = make_url(centre.addresses.owner_url).set(drivername="postgresql")
    owner = await asyncpg.connect(url.render_as_string(hide_password=False))

    async def counted() -> int:
        return await owner.fetchval(_OF_NOW) or 0

    await eventually(counted, lambda scans: scans >= PAYMENTS)
    beside = {row["relname"] for row in await owner.fetch(_BESIDE)}
    await owner.close()
    assert set() == beside - _OF_THE_LOOP
