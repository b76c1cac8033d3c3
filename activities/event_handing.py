"""Between the rows and Temporal: which deliveries wait for their activity, and which events have theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.delivery_rows import Outgoing

# Which of an event's deliveries have not ended, in words that the index of all such deliveries does not answer to: a
# planner that has seen none would read that whole index for each event.
_NOT_ENDED = "delivery.state NOT IN ('delivered', 'failed')"
# The deliveries that an event was numbered with are for a while the numbering feed's own, which tries them itself. A
# later delivery of the event is a resend, which nobody tries before Temporal does. They are few and are read once, in
# whatever partition they are, not for each event; OFFSET 0 keeps the planner from joining them with all there are.
_UNHANDED_EVENT = """
    event.handed_at IS NULL AND event.feed_no IS NOT NULL AND event.id NOT IN (
        SELECT delivery.event_id FROM delivery
        WHERE delivery.state = 'pending' AND delivery.created_at > now() - CAST(:own_for AS interval)
          AND NOT EXISTS (
              SELECT FROM delivery earlier
              WHERE earlier.event_id = delivery.event_id AND earlier.created_at < delivery.created_at
              OFFSET 0
          )
    )
"""
_WAITING = text(f"""
    SELECT EXISTS (SELECT FROM event WHERE feed_no IS NULL) AS unnumbered,
           EXISTS (SELECT FROM event WHERE {_UNHANDED_EVENT}) AS unhanded
""")  # noqa: S608 - it is a constant
_UNHANDED = text(f"""
    SELECT waiting.id AS event_id, waiting.type AS event_type, waiting.object_id, waiting.merchant_id,
           delivery.id AS delivery_id
    FROM (
        SELECT id, type, object_id, merchant_id, feed_no FROM event
        WHERE {_UNHANDED_EVENT} ORDER BY feed_no LIMIT :limit
    ) waiting
    LEFT JOIN delivery ON delivery.event_id = waiting.id AND {_NOT_ENDED}
    ORDER BY waiting.feed_no, delivery.id
""")  # noqa: S608
# A resend locks the event before it adds a delivery. Locked here too, the next statement sees that delivery, or the
# resend comes after it and opens the event again.
_LOCK = text("SELECT FROM event WHERE id = ANY(:event_ids) ORDER BY id FOR UPDATE")
_MARK_HANDED = text(f"""
    UPDATE event SET handed_at = now()
    WHERE id = ANY(:event_ids) AND NOT EXISTS (
        SELECT FROM delivery
        WHERE delivery.event_id = event.id AND {_NOT_ENDED} AND delivery.id <> ALL(:delivery_ids)
    )
""")  # noqa: S608
_LAPSE = text("""
    WITH lapsed AS (
        UPDATE delivery SET state = 'failed' FROM event
        WHERE event.id = delivery.event_id AND delivery.state = 'pending'
          AND delivery.created_at < now() - CAST(:age AS interval) AND event.handed_at < now() - CAST(:age AS interval)
        RETURNING delivery.id
    )
    SELECT count(*) FROM lapsed
""")


@dataclass(frozen=True)
class Waiting:
    """What the feed has to do now."""

    unnumbered: bool
    unhanded: bool


@dataclass(frozen=True)
class Handing:
    """A delivery that needs its activity; `delivery_id` is None where an event has none left."""

    event_id: str
    event_type: str
    object_id: str
    merchant_id: str
    delivery_id: str | None


@dataclass(frozen=True)
class NewDelivery:
    """A delivery that its event was numbered with, and all that its first call needs."""

    delivery_id: str
    handing: Handing
    outgoing: Outgoing


async def read_waiting(session: AsyncSession, own_for: timedelta) -> Waiting:
    """Whether there is anything to number or to hand over: one cheap statement for the idle feed.

    Deliveries younger than `own_for` do not count: the feed that numbered their event tries them.
    """
    row = (await session.execute(_WAITING, {"own_for": own_for})).one()
    return Waiting(row.unnumbered, row.unhanded)


async def read_unhanded(session: AsyncSession, own_for: timedelta, limit: int) -> list[Handing]:
    """The pending deliveries of the first `limit` events that were not handed over and that no feed is trying."""
    rows = (await session.execute(_UNHANDED, {"own_for": own_for, "limit": limit})).mappings()
    return [Handing(**row) for row in rows]


async def mark_handed(session: AsyncSession, handed: Sequence[Handing]) -> None:
    """Events whose pending deliveries were all handed over are done; one that got another meanwhile stays open."""
    event_ids = list({handing.event_id for handing in handed})
    delivery_ids = [handing.delivery_id for handing in handed if handing.delivery_id]
    await session.execute(_LOCK, {"event_ids": event_ids})
    await session.execute(_MARK_HANDED, {"event_ids": event_ids, "delivery_ids": delivery_ids})


async def fail_lapsed(session: AsyncSession, age: timedelta) -> int:
    """Deliveries that were handed over longer ago than Temporal keeps trying have failed; answers how many."""
    return int(await session.scalar(_LAPSE, {"age": age}))
