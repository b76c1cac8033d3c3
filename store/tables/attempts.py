"""One try of a payment at one channel, what the channel said of it, and what it sent us unasked."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    text,
)
from sqlmodel import Field, SQLModel

from domain.states import AttemptState, CloseProof
from store.tables.columns import NOW, document, maybe_words, moment, one_of, whole, words


class Attempt(SQLModel, table=True):
    """The record of intent (before the send) and of what is known since; only the API reads `pay`."""

    __tablename__ = "attempt"
    __table_args__ = (
        ForeignKeyConstraint(["payment_id"], ["payment.id"], name="attempt_payment"),
        ForeignKeyConstraint(["channel_account_id"], ["channel_account.id"], name="attempt_channel_account"),
        one_of("state", AttemptState),
        one_of("close_proof", CloseProof),
        CheckConstraint("amount_minor > 0", name="attempt_amount_positive"),
        Index("attempt_payment_number", "payment_id", "number", unique=True),
        Index("attempt_channel_no", "channel_no"),
        Index("attempt_updated_at", "updated_at", postgresql_using="brin"),
        Index("attempt_watched", "next_check_at", postgresql_where=text("watch_until IS NOT NULL")),
    )

    out_no: str = words(key=True)
    payment_id: str = words()
    number: int = whole()
    channel: str = words()
    channel_account_id: str = words()
    invoke: str = words()
    state: str = words(default="intent")
    amount_minor: int = whole()
    currency: str = words()
    close_proof: str = words()
    send_before: datetime = moment()
    call_timeout_s: int = whole()
    close_margin_s: int = whole()
    sent_at: datetime | None = moment(nullable=True)
    sends: int = whole(default=0)
    expires_at: datetime = moment()
    channel_no: str | None = maybe_words()
    pay: dict[str, Any] | None = document(nullable=True)
    checks: int = whole(default=0)
    next_check_at: datetime | None = moment(nullable=True)
    watch_until: datetime | None = moment(nullable=True)
    received_minor: int | None = whole(nullable=True)
    received_currency: str | None = maybe_words()
    paid_at: datetime | None = moment(nullable=True)
    failure_code: str | None = maybe_words()
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Evidence(SQLModel, table=True):
    """One answer of a channel as it came, appended in the transaction that believed it."""

    __tablename__ = "evidence"
    __table_args__ = (Index("evidence_out_no", "out_no"), {"postgresql_partition_by": "RANGE (received_at)"})

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    out_no: str = words()
    operation: str = words()
    state: str = words()
    http_status: int | None = whole(nullable=True)
    code: str | None = maybe_words()
    request_id: str | None = maybe_words()
    raw: str | None = maybe_words()
    received_at: datetime = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), primary_key=True, server_default=NOW),
    )


class CallbackRow(SQLModel, table=True):
    """A verified notification, stored before it is acknowledged; `applied_at` is set by whoever acted on it."""

    __tablename__ = "callback"
    __table_args__ = (
        one_of("verdict", ("matched", "unproven", "mismatched", "unknown_order")),
        Index("callback_out_no", "out_no"),
        Index("callback_waiting", "received_at", postgresql_where=text("applied_at IS NULL")),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: str = words(key=True)
    channel: str = words()
    channel_account_id: str = words()
    kind: str = words()
    dedupe_key: str = words()
    out_no: str = words()
    out_refund_no: str | None = maybe_words()
    verdict: str = words()
    answer: dict[str, Any] = document()
    headers: dict[str, Any] = document()
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    received_at: datetime = moment(now=True)
    applied_at: datetime | None = moment(nullable=True)


class CallbackOnce(SQLModel, table=True):
    """The gate of a notification, for ever: whatever a channel tells one of its accounts is stored once."""

    __tablename__ = "callback_once"

    channel_account_id: str = words(key=True)
    dedupe_key: str = words(key=True)
    callback_id: str = words()
