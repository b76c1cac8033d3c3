"""Captured money given back, and money that waits for a person."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field, SQLModel

from domain.states import Approval, Certainty, ItemState, LegState, RefundOrigin, RefundState, Resolution
from store.tables.columns import document, maybe_words, moment, one_of, whole, words


class Refund(SQLModel, table=True):
    """A refund with its channel leg; one of origin late, duplicate or mismatch at most per attempt (law 9).

    `amount_minor = channel_minor + balance_minor` goes to the payer. It is taken from the merchant as the held parts
    `pending_minor`, `available_minor` and `debt_minor`, or from what the channel owes the merchant (`direct_minor`);
    `holds` names the step of each account's hold. `sends` counts the calls that may still arrive.
    """

    __tablename__ = "refund"
    __table_args__ = (
        ForeignKeyConstraint(["payment_id"], ["payment.id"], name="refund_payment"),
        ForeignKeyConstraint(["out_no"], ["attempt.out_no"], name="refund_attempt"),
        one_of("state", RefundState),
        one_of("origin", RefundOrigin),
        one_of("leg_state", LegState),
        one_of("certainty", Certainty),
        one_of("approval", Approval),
        CheckConstraint("amount_minor > 0", name="refund_amount_positive"),
        CheckConstraint("amount_minor = channel_minor + balance_minor", name="refund_legs_sum_to_amount"),
        CheckConstraint("(leg_state = 'none') = (channel_minor = 0)", name="refund_channel_leg"),
        CheckConstraint("NOT needs_attention OR attention_owner IS NOT NULL", name="refund_attention_has_owner"),
        Index("refund_out_refund_no", "out_refund_no", unique=True),
        Index("refund_refund_no", "merchant_id", "refund_no", unique=True),
        Index("refund_payment_id", "payment_id"),
        Index("refund_unasked", "out_no", unique=True, postgresql_where=text("origin NOT IN ('merchant', 'bounce')")),
        Index("refund_watched", "next_check_at", postgresql_where=text("watch_until IS NOT NULL")),
        Index("refund_open", "updated_at", postgresql_where=text("state NOT IN ('succeeded', 'failed', 'bounced')")),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    payment_id: str = words()
    refund_no: str | None = maybe_words()
    origin: str = words()
    out_no: str | None = maybe_words()
    out_refund_no: str = words()
    channel: str | None = maybe_words()
    channel_account_id: str | None = maybe_words()
    amount_minor: int = whole()
    channel_minor: int = whole()
    balance_minor: int = whole(default=0)
    coupon_minor: int = whole(default=0)
    fee_minor: int = whole(default=0)
    pending_minor: int = whole(default=0)
    available_minor: int = whole(default=0)
    debt_minor: int = whole(default=0)
    direct_minor: int = whole(default=0)
    holds: dict[str, Any] | None = document(nullable=True)
    to_account_id: str | None = maybe_words()
    currency: str = words()
    reason: str = words()
    lines: list[dict[str, Any]] | None = document(nullable=True)
    suspense_item_id: str | None = maybe_words()
    state: str = words(default="pending")
    leg_state: str = words(default="intent")
    approval: str | None = maybe_words()
    approval_expires_at: datetime | None = moment(nullable=True)
    approval_reason: str | None = maybe_words()
    decided_at: datetime | None = moment(nullable=True)
    send_before: datetime = moment()
    sent_at: datetime | None = moment(nullable=True)
    sends: int = whole(default=0)
    last_sent_at: datetime | None = moment(nullable=True)
    channel_refund_no: str | None = maybe_words()
    failure_code: str | None = maybe_words()
    failure_detail: str | None = maybe_words()
    certainty: str = words(default="sure")
    checks: int = whole(default=0)
    next_check_at: datetime | None = moment(nullable=True)
    watch_until: datetime | None = moment(nullable=True)
    needs_attention: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    attention_reason: str | None = maybe_words()
    attention_owner: str | None = maybe_words()
    version: int = whole(default=1)
    succeeded_at: datetime | None = moment(nullable=True)
    bounced_at: datetime | None = moment(nullable=True)
    metadata_: dict[str, Any] = document(name="metadata")
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class SuspenseItem(SQLModel, table=True):
    """Money that we have and cannot place: the sum of those that are not ended is the suspense account.

    One per attempt that was paid wrongly, one per refund or payout that came back and has no account to return to.
    `resolution_id` names the refund, payout or transfer that takes it out, or took it.
    """

    __tablename__ = "suspense_item"
    __table_args__ = (
        one_of("state", ItemState),
        one_of("origin", ("mismatch", "bounce")),
        CheckConstraint("amount_minor > 0", name="suspense_item_amount_positive"),
        one_of("resolution", Resolution),
        CheckConstraint("(state = 'open') = (resolution IS NULL)", name="suspense_item_resolution"),
        CheckConstraint("(state = 'open') = (resolution_id IS NULL)", name="suspense_item_resolution_id"),
        Index("suspense_item_open", "created_at", postgresql_where=text("state <> 'ended'")),
        Index("suspense_item_object_id", "origin", "object_id", unique=True),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    origin: str = words(default="mismatch")
    object_id: str = words()
    out_no: str = words()
    channel_account_id: str = words()
    amount_minor: int = whole()
    currency: str = words()
    owner: str = words()
    reason: str = words()
    evidence: dict[str, Any] = document()
    state: str = words(default="open")
    resolution: str | None = maybe_words()
    resolution_id: str | None = maybe_words()
    version: int = whole(default=1)
    created_at: datetime = moment(now=True)
    ended_at: datetime | None = moment(nullable=True)
