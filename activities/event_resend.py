"""Telling the business once more, because it asked."""

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from activities.event_numbering import add_deliveries
from activities.event_targets import Subscription, targets
from domain.errors import NotFound
from store.database import Database

_REOPEN = text("""
    UPDATE event SET handed_at = NULL
    FROM event told LEFT JOIN webhook_endpoint endpoint ON endpoint.merchant_id = told.merchant_id
    WHERE told.id = event.id AND event.id = :event_id AND event.merchant_id = :merchant_id
      AND event.feed_no IS NOT NULL
    RETURNING event.type, event.snapshot, endpoint.url
""").columns(snapshot=JSONB)


async def resend(database: Database, event_id: str, merchant_id: str) -> tuple[str, ...]:
    """New deliveries of the event, to the endpoint as it is now and to the payment's `notify_url`; their ids.

    The endpoint gets it whatever types it subscribed to: it was asked for. The feed hands the deliveries over, so a
    resend also stands while Temporal is down. NotFound for another merchant's event. Empty where there is no URL.
    """
    async with database.transaction("event.resend", event_id) as session:
        keys = {"event_id": event_id, "merchant_id": merchant_id}
        event = (await session.execute(_REOPEN, keys)).one_or_none()
        if event is None:
            raise NotFound("There is no such event")
        endpoint = Subscription(event.url, ("*",)) if event.url else None
        urls = tuple(targets(event.type, event.snapshot, endpoint))
        return await add_deliveries(session, [(event_id, merchant_id, urls)])
