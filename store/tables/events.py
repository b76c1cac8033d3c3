"""What happened to objects, as the business is told: one ordered feed and the deliveries of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Index, Text, text
from sqlmodel import Field, SQLModel

from store.tables.columns import document, maybe_words, moment, one_of, whole, words


class Event(SQLModel, table=True):
    """One change of one object, written in the transaction of the change.

    `snapshot` is the rows as they were then. The events loop numbers committed events (`feed_no`, a gapless order that
    a cursor can follow without missing a late commit), renders `body` once and hands the event to delivery.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("event_feed", "merchant_id", "feed_no"),
        Index("event_feed_no", "feed_no"),
        Index("event_created_at", "created_at", postgresql_using="brin"),
        Index("event_unnumbered", "sequence", postgresql_where=text("feed_no IS NULL")),
        Index("event_unhanded", "feed_no", postgresql_where=text("handed_at IS NULL")),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: str = words(key=True)
    sequence: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    merchant_id: str = words()
    type: str = words()
    object_id: str = words()
    object_version: int = whole()
    snapshot: dict[str, Any] = document()
    created_at: datetime = moment(now=True)
    feed_no: int | None = whole(nullable=True)
    body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    handed_at: datetime | None = moment(nullable=True)


class EventOnce(SQLModel, table=True):
    """The gate of an event, for ever: one for each version of an object and each type; `event_append` alone writes."""

    __tablename__ = "event_once"

    object_id: str = words(key=True)
    object_version: int = whole(key=True)
    type: str = words(key=True)
    event_id: str = words()


class Delivery(SQLModel, table=True):
    """One event on its way to one URL."""

    __tablename__ = "delivery"
    __table_args__ = (
        one_of("state", ("pending", "delivered", "failed")),
        Index("delivery_event_id", "event_id"),
        Index("delivery_pending", "created_at", postgresql_where=text("state = 'pending'")),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: str = words(key=True)
    event_id: str = words()
    merchant_id: str = words()
    url: str = words()
    state: str = words(default="pending")
    attempts: int = whole(default=0)
    created_at: datetime = moment(now=True)
    delivered_at: datetime | None = moment(nullable=True)


class DeliveryAttempt(SQLModel, table=True):
    """One call of a delivery and how the business answered; the answer's body is capped, never a secret of ours."""

    __tablename__ = "delivery_attempt"
    __table_args__ = ({"postgresql_partition_by": "RANGE (delivery_id)"},)

    delivery_id: str = words(key=True)
    number: int = whole(key=True)
    status: int | None = whole(nullable=True)
    error: str | None = maybe_words()
    duration_ms: int = whole()
    answer: str | None = maybe_words()
    created_at: datetime = moment(now=True)
