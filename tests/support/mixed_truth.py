"""What must be true after a mixed load, whatever was killed meanwhile."""

from collections import Counter
from typing import Any

from sqlalchemy import text

from tests.support.mixed_load import MixedLoad
from tests.support.refunds import Refunds

_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
_BELOW_ZERO = text(
    "SELECT a.id, a.available, a.frozen FROM account a WHERE a.kind IN ('wallet', 'merchant_available',"
    " 'merchant_pending') AND (a.frozen < 0 OR a.available + coalesce((SELECT sum(i.amount_minor) FROM inbox i"
    " WHERE i.account_id = a.id), 0) < 0)"
)
_FROZEN = text("SELECT coalesce(sum(frozen), 0)::bigint FROM account")


async def everything_is_true(load: MixedLoad) -> None:
    """Every answer, the channel's own book, every invariant; no balance below zero, no deadlock, nothing held."""
    assert [] == await load.untrue()
    await channel_has_each_once(load)
    async with load.shop.centre.database.reading() as session:
        assert [] == list(await session.execute(_BELOW_ZERO))
        assert (0, 0) == (await session.scalar(_FROZEN), await session.scalar(_DEADLOCKS))
    await Refunds(load.shop).sound()


async def channel_has_each_once(load: MixedLoad) -> None:
    """Orders, refunds and transfers there are those that succeeded here, each once and with its amount."""
    book = await load.shop.control("GET", "/_sim/book")
    payments, refunds, payouts, top_ups = [
        _succeeded(await load.objects(kind)) for kind in ("payments", "refunds", "payouts", "top_ups")
    ]
    ours = {one["out_no"] for one in book["orders"] if one["app_id"] == load.shop.app_id}
    there = Counter((one["out_no"], one["amount_minor"]) for one in book["orders"] if one["out_no"] in ours)
    collected = [(one["out_no"], one.get("channel_minor", one["amount_minor"])) for one in payments + top_ups]
    assert Counter(collected) == there
    back = Counter((one["refund_no"], one["amount_minor"]) for one in book["refunds"] if one["out_no"] in ours)
    assert Counter((one["out_refund_no"], one["channel_minor"]) for one in refunds) == back
    sent = [one for one in book["transfers"] if one["app_id"] == load.shop.app_id]
    expected = Counter((one["out_no"], one["net_minor"]) for one in payouts)
    assert expected == Counter((one["out_no"], one["amount_minor"]) for one in sent)


def _succeeded(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in objects if one["state"] == "succeeded"]
