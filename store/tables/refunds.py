"""Captured money given back, and money that waits for a person."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field, SQLModel

from domain.states import Certainty, LegState, RefundOrigin, RefundState
from store.tables.columns import document, maybe_words, moment, one_of, whole, words


class Refund(SQLModel, table=True):
    """A refund with its channel leg; one of origin late, duplicate or mismatch at most per attempt (law 9)."""

    __tablename__ = "refund"
    __table_args__ = (
        ForeignKeyConstraint(["payment_id"], ["payment.id"], name="refund_payment"),
        ForeignKeyConstraint(["out_no"], ["attempt.out_no"], name="refund_attempt"),
        one_of("state", RefundState),
        one_of("origin", RefundOrigin),
        one_of("leg_state", LegState),
        one_of("certainty", Certainty),
        CheckConstraint("amount_minor > 0", name="refund_amount_positive"),
        CheckConstraint("NOT needs_attention OR attention_owner IS NOT NULL", name="refund_attention_has_owner"),
        Index("refund_out_refund_no", "out_refund_no", unique=True),
        Index("refund_refund_no", "merchant_id", "refund_no", unique=True),
        Index("refund_payment_id", "payment_id"),
        Index("refund_unasked", "out_no", unique=True, postgresql_where=text("origin <> 'merchant'")),
        Index("refund_open", "updated_at", postgresql_where=text("state NOT IN ('succeeded', 'failed', 'bounced')")),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    payment_id: str = words()
    refund_no: str | None = maybe_words()
    origin: str = words()
    out_no: str | None = maybe_words()
    out_refund_no: str = words()
    channel: str = words()
    channel_account_id: str = words()
    amount_minor: int = whole()
    currency: str = words()
    reason: str = words()
    state: str = words(default="pending")
    leg_state: str = words(default="intent")
    send_before: datetime = moment()
    sent_at: datetime | None = moment(nullable=True)
    channel_refund_no: str | None = maybe_words()
    failure_code: str | None = maybe_words()
    failure_detail: str | None = maybe_words()
    certainty: str = words(default="sure")
    checks: int = whole(default=0)
    next_check_at: datetime | None = moment(nullable=True)
    needs_attention: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    attention_reason: str | None = maybe_words()
    attention_owner: str | None = maybe_words()
    version: int = whole(default=1)
    succeeded_at: datetime | None = moment(nullable=True)
    metadata_: dict[str, Any] = document(name="metadata")
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class SuspenseItem(SQLModel, table=True):
    """Money that we have and cannot place: open until somebody or a refund ends it; the sum is the suspense account."""

    __tablename__ = "suspense_item"
    __table_args__ = (
        one_of("state", ("open", "ended")),
        Index("suspense_item_open", "created_at", postgresql_where=text("state = 'open'")),
        Index("suspense_item_out_no", "out_no", unique=True),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    out_no: str = words()
    amount_minor: int = whole()
    currency: str = words()
    owner: str = words()
    reason: str = words()
    evidence: dict[str, Any] = document()
    state: str = words(default="open")
    created_at: datetime = moment(now=True)
    ended_at: datetime | None = moment(nullable=True)
