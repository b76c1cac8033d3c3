"""Reading the feed of events and its deliveries."""

from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import InvalidRequest, NotFound

# A reader that follows the cursor misses nothing: the feed's numbers become visible in their order.
_FEED = text("""
    SELECT id, body FROM event
    WHERE feed_no > :feed_no AND (CAST(:merchant_id AS text) IS NULL OR merchant_id = :merchant_id)
      AND (CAST(:type AS text) IS NULL OR type = :type)
    ORDER BY feed_no LIMIT :limit
""")
_PLACE = text("""
    SELECT feed_no FROM event
    WHERE id = :id AND feed_no IS NOT NULL AND (CAST(:merchant_id AS text) IS NULL OR merchant_id = :merchant_id)
""")
_ONE = text("""
    SELECT e.merchant_id, e.body, coalesce(d.deliveries, '[]'::jsonb) AS deliveries
    FROM event AS e, LATERAL (
        SELECT jsonb_agg(to_jsonb(one) ORDER BY one.created_at, one.id) AS deliveries FROM (
            SELECT d.id, d.url, d.state, d.attempts, d.created_at, d.delivered_at, (
                SELECT coalesce(jsonb_agg(to_jsonb(a) - 'delivery_id' ORDER BY a.number), '[]'::jsonb)
                FROM delivery_attempt AS a WHERE a.delivery_id = d.id
            ) AS calls
            FROM delivery AS d WHERE d.event_id = e.id
        ) AS one
    ) AS d
    WHERE e.id = :id AND e.feed_no IS NOT NULL AND (CAST(:merchant_id AS text) IS NULL OR e.merchant_id = :merchant_id)
""").columns(deliveries=JSONB())


async def feed_page(
    session: AsyncSession, merchant_id: str | None, *, after: str | None, wanted: dict[str, Any]
) -> bytes:
    """Events oldest first, as JSON; `next` is the last one's id, or `after` again where nothing is new."""
    feed_no = 0 if after is None else await _place(session, merchant_id, after)
    rows = (await session.execute(_FEED, {"feed_no": feed_no, "merchant_id": merchant_id, **wanted})).all()
    items = b",".join(row.body.encode() for row in rows)
    following = rows[-1].id if rows else after
    return b'{"items":[' + items + b'],"next":' + orjson.dumps(following) + b"}"


async def event_of(session: AsyncSession, event_id: str, merchant_id: str | None) -> dict[str, Any]:
    """The event with its deliveries and their calls, and whose it is; NotFound."""
    found = await session.execute(_ONE, {"id": event_id, "merchant_id": merchant_id})
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such event")
    return {"merchant_id": row["merchant_id"], "event": orjson.loads(row["body"]) | {"deliveries": row["deliveries"]}}


async def _place(session: AsyncSession, merchant_id: str | None, event_id: str) -> int:
    place = (await session.execute(_PLACE, {"id": event_id, "merchant_id": merchant_id})).scalar_one_or_none()
    if place is None:
        raise InvalidRequest(fields={"after": "no event of this feed"})
    return int(place)
