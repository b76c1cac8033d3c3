"""The payer's intention to pay a merchant, and its lines."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field, SQLModel

from domain.states import Certainty, CloseReason, PaymentState, Purpose
from store.tables.columns import document, maybe_words, moment, one_of, whole, words


class Payment(SQLModel, table=True):
    """A payment; only the payment's own workflow and the callback and watch transactions move it.

    `order_no` is unique among the merchant's payments that are neither closed nor failed (law 12). A top-up is a
    payment into the wallet `to_account_id`, and its `order_no` is the `top_up_no`, which is used once and for ever.
    """

    __tablename__ = "payment"
    __table_args__ = (
        ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="payment_merchant"),
        one_of("state", PaymentState),
        one_of("certainty", Certainty),
        one_of("close_reason", CloseReason),
        one_of("purpose", Purpose),
        CheckConstraint("(purpose = 'top_up') = (to_account_id IS NOT NULL)", name="top_up_has_account"),
        CheckConstraint("refunded_minor >= 0 AND refunding_minor >= 0", name="refunds_not_negative"),
        CheckConstraint("refunded_minor + refunding_minor <= captured_minor", name="refunds_within_captured"),
        CheckConstraint("amount_minor = balance_minor + channel_minor", name="parts_sum_to_amount"),
        CheckConstraint("balance_minor >= 0 AND channel_minor >= 0 AND fee_minor >= 0", name="parts_not_negative"),
        CheckConstraint("fee_minor <= amount_minor", name="fee_within_amount"),
        CheckConstraint("balance_minor = 0 OR payer_account_id IS NOT NULL", name="balance_part_has_account"),
        CheckConstraint("(state = 'failed') <= (failure_code IS NOT NULL)", name="failed_has_code"),
        CheckConstraint("(state = 'closed') <= (close_reason IS NOT NULL)", name="closed_has_reason"),
        CheckConstraint("NOT needs_attention OR attention_owner IS NOT NULL", name="attention_has_owner"),
        Index(
            "payment_live_order_no",
            "merchant_id",
            "purpose",
            "order_no",
            unique=True,
            postgresql_where=text("state NOT IN ('closed', 'failed')"),
        ),
        Index("payment_order_no", "merchant_id", "order_no"),
        Index("payment_top_up_no", "merchant_id", "order_no", unique=True, postgresql_where=text("purpose = 'top_up'")),
        # What changed since a day is found without a look at every row, and without an entry for each change.
        Index("payment_updated_at", "updated_at", postgresql_using="brin"),
        Index("payment_merchant_id", "merchant_id", "id"),
        Index("payment_to_account_id", "to_account_id", postgresql_where=text("to_account_id IS NOT NULL")),
        Index("payment_open", "updated_at", postgresql_where=text("state NOT IN ('closed', 'failed', 'succeeded')")),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    purpose: str = words(default="payment")
    order_no: str = words()
    to_account_id: str | None = maybe_words()
    state: str = words(default="pending")
    version: int = whole(default=1)
    amount_minor: int = whole()
    currency: str = words()
    balance_minor: int = whole(default=0)
    channel_minor: int = whole(default=0)
    coupon_minor: int = whole(default=0)
    shipping_minor: int = whole(default=0)
    fee_rate_bps: int = whole(default=0)
    fee_fixed_minor: int = whole(default=0)
    fee_cap_minor: int | None = whole(nullable=True)
    fee_minor: int = whole(default=0)
    captured_minor: int = whole(default=0)
    refunded_minor: int = whole(default=0)
    refunding_minor: int = whole(default=0)
    subject: str = words()
    payer_account_id: str | None = maybe_words()
    payer: dict[str, Any] = document()
    channel: str | None = maybe_words()
    channel_account_id: str | None = maybe_words()
    funds_holder: str | None = maybe_words()
    invoke: str | None = maybe_words()
    has_lines: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    notify_url: str | None = maybe_words()
    return_url: str | None = maybe_words()
    quit_url: str | None = maybe_words()
    failure_code: str | None = maybe_words()
    failure_detail: str | None = maybe_words()
    close_reason: str | None = maybe_words()
    certainty: str = words(default="sure")
    next_check_at: datetime | None = moment(nullable=True)
    needs_attention: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    attention_reason: str | None = maybe_words()
    attention_owner: str | None = maybe_words()
    revives: str | None = maybe_words()
    paid_at: datetime | None = moment(nullable=True)
    expires_at: datetime = moment()
    metadata_: dict[str, Any] = document(name="metadata")
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class PaymentLine(SQLModel, table=True):
    """What the payer buys, as it was priced when the payment opened."""

    __tablename__ = "payment_line"
    __table_args__ = (
        ForeignKeyConstraint(["payment_id"], ["payment.id"], name="payment_line_payment"),
        CheckConstraint("quantity > 0 AND unit_price_minor >= 0", name="line_in_range"),
    )

    payment_id: str = words(key=True)
    line_no: int = whole(key=True)
    sku: str = words()
    quantity: int = whole()
    unit_price_minor: int = whole()
    warehouse: str | None = maybe_words()
