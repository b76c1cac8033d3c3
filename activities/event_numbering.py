"""Numbers committed events, so that a reader with a cursor misses none, and decides where each is told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson
import structlog
from pydantic import ValidationError
from sqlalchemy import RowMapping, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from activities.delivery_rows import SIGNING, Outgoing
from activities.event_endpoints import Endpoint, endpoint_of
from activities.event_handing import Handing, NewDelivery
from activities.event_targets import targets
from domain.ids import new_id

#: Makes an object as the API shows it from an event's type and the rows as they were then.
Render = Callable[[str, dict[str, Any]], dict[str, Any]]

# A constant that no other lock of this database uses: "events" on a telephone's keys.
_FEED_LOCK = 383_687

_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
# One statement after the lock's: whoever had the lock before has committed when this one looks.
_UNNUMBERED = text(f"""
    SELECT unnumbered.*, (SELECT coalesce(max(feed_no), 0) FROM event) AS last_feed_no,
           endpoint.url, endpoint.events, {SIGNING}
    FROM (
        SELECT id, merchant_id, type, object_id, object_version, snapshot, created_at, sequence
        FROM event WHERE feed_no IS NULL ORDER BY sequence LIMIT :limit
    ) unnumbered
    LEFT JOIN webhook_endpoint endpoint ON endpoint.merchant_id = unnumbered.merchant_id
    ORDER BY unnumbered.sequence
""").columns(snapshot=JSONB, events=JSONB)  # noqa: S608 - it is a constant
_DELIVERIES = """
    INSERT INTO delivery (id, event_id, merchant_id, url)
    SELECT * FROM unnest(CAST(:delivery_ids AS text[]), CAST(:event_ids AS text[]), CAST(:merchant_ids AS text[]),
                         CAST(:urls AS text[]))
"""
_ADD_DELIVERIES = text(_DELIVERIES)
_NUMBER = text(f"""
    WITH told AS (
        UPDATE event SET
            feed_no = numbered.feed_no,
            body = numbered.body,
            handed_at = CASE WHEN numbered.told THEN NULL ELSE now() END
        FROM unnest(CAST(:ids AS text[]), CAST(:feed_nos AS bigint[]), CAST(:bodies AS text[]),
                    CAST(:told AS boolean[])) AS numbered (id, feed_no, body, told)
        WHERE event.id = numbered.id
    )
    {_DELIVERIES}
""")  # noqa: S608 - it is a constant

_log = structlog.get_logger("events")


@dataclass(frozen=True)
class CommittedEvent:
    """An event as the transaction of its change wrote it."""

    id: str
    merchant_id: str
    type: str
    object_id: str
    object_version: int
    snapshot: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class RenderedEvent:
    """An event with the one body that every delivery and every reader gets, and the URLs it is told to."""

    event: CommittedEvent
    body: str
    urls: tuple[str, ...]
    sealed_secrets: tuple[bytes, ...]


@dataclass(frozen=True)
class Numbered:
    """How many events have a number now, and the deliveries that they were numbered with."""

    events: int
    deliveries: tuple[NewDelivery, ...] = ()


async def number_events(session: AsyncSession, render: Render, limit: int) -> Numbered:
    """Committed events have the next numbers, their bodies and their deliveries.

    Only the holder of the lock numbers, and its commit makes the numbers visible before the next holder reads the last
    one: whoever sees number n + 1 sees n. None are numbered while another feed holds the lock.
    """
    if not (await session.execute(_TRY_LOCK, {"key": _FEED_LOCK})).scalar_one():
        return Numbered(0)
    rows = (await session.execute(_UNNUMBERED, {"limit": limit})).mappings().all()
    events = in_version_order([committed_event(row) for row in rows])
    endpoints = {row["merchant_id"]: endpoint for row in rows if (endpoint := endpoint_of(row))}
    rendered = list(_rendered(events, endpoints, render))
    if not rendered:
        return Numbered(0)
    told = [(entry, url) for entry in rendered for url in entry.urls]
    deliveries = tuple(new_delivery(entry, url, read_at=rows[0]["read_at"]) for entry, url in told)
    await _write_numbers(session, rendered, deliveries, first=rows[0]["last_feed_no"] + 1)
    return Numbered(len(rendered), deliveries)


def committed_event(row: RowMapping) -> CommittedEvent:
    """The event of a row that has more columns."""
    return CommittedEvent(**{field.name: row[field.name] for field in fields(CommittedEvent)})


def new_delivery(told: RenderedEvent, url: str, *, read_at: datetime) -> NewDelivery:
    """A delivery of that event, as the feed tries it first, or hands it over; `read_at` is when its row was read."""
    delivery_id, event = new_id("dlv"), told.event
    handing = Handing(event.id, event.type, event.object_id, event.merchant_id, delivery_id)
    outgoing = Outgoing(url, "pending", event.id, event.type, told.body, told.sealed_secrets, read_at)
    return NewDelivery(delivery_id, handing, outgoing)


def in_version_order(events: Sequence[CommittedEvent]) -> list[CommittedEvent]:
    """The same events; each object's stand in the order of its versions, in the places that were the object's."""
    waiting: dict[str, list[CommittedEvent]] = {}
    for event in sorted(events, key=lambda event: event.object_version, reverse=True):
        waiting.setdefault(event.object_id, []).append(event)
    return [waiting[event.object_id].pop() for event in events]


async def add_deliveries(session: AsyncSession, entries: Sequence[tuple[str, str, tuple[str, ...]]]) -> tuple[str, ...]:
    """A pending delivery for each URL of each (event id, merchant id, URLs); answers the delivery ids."""
    wanted = [(new_id("dlv"), event_id, merchant_id, url) for event_id, merchant_id, urls in entries for url in urls]
    if wanted:
        await session.execute(_ADD_DELIVERIES, _delivery_columns(wanted))
    return tuple(delivery_id for delivery_id, *_ in wanted)


def _delivery_columns(rows: Sequence[tuple[str, str, str, str]]) -> dict[str, list[str]]:
    names = ("delivery_ids", "event_ids", "merchant_ids", "urls")
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def _rendered(
    events: Sequence[CommittedEvent], endpoints: dict[str, Endpoint], render: Render
) -> Iterator[RenderedEvent]:
    """Each event rendered. One that cannot be waits, with all later ones of its object, and holds up no other."""
    held: set[str] = set()
    for event in events:
        if event.object_id in held:
            continue
        try:
            body = body_of(event, render(event.type, event.snapshot))
        except (ValidationError, KeyError) as error:
            held.add(event.object_id)
            _log.error("event_not_rendered", event_id=event.id, event_type=event.type, error=type(error).__name__)
            continue
        endpoint = endpoints.get(event.merchant_id)
        urls = targets(event.type, event.snapshot, endpoint.subscription if endpoint else None)
        yield RenderedEvent(event, body, tuple(urls), endpoint.sealed_secrets if endpoint else ())


def body_of(event: CommittedEvent, rendered: dict[str, Any]) -> str:
    """The event as the business reads it; rendered once, so that a signature and a reader see the same bytes."""
    document = {
        "id": event.id,
        "type": event.type,
        "created_at": event.created_at,
        "object_version": event.object_version,
        "data": {"object": rendered},
    }
    return orjson.dumps(document, option=orjson.OPT_UTC_Z).decode()


async def _write_numbers(
    session: AsyncSession, rendered: Sequence[RenderedEvent], deliveries: Sequence[NewDelivery], *, first: int
) -> None:
    """One statement: the numbers from `first` on, and the deliveries."""
    rows = [(one.delivery_id, one.handing.event_id, one.handing.merchant_id, one.outgoing.url) for one in deliveries]
    values = {
        "ids": [entry.event.id for entry in rendered],
        "feed_nos": list(range(first, first + len(rendered))),
        "bodies": [entry.body for entry in rendered],
        "told": [bool(entry.urls) for entry in rendered],
        **_delivery_columns(rows),
    }
    await session.execute(_NUMBER, values)
