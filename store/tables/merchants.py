"""Who sells, with which keys, at which channels, and where events are told."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from domain.states import FundsHolder
from store.tables.columns import document, moment, one_of, whole, words


class Merchant(SQLModel, table=True):
    """A business that sells; written by operator routes only."""

    __tablename__ = "merchant"
    __table_args__ = (
        one_of("state", ("active",)),
        CheckConstraint("attention_after_s >= 0", name="attention_after_s_not_negative"),
    )

    id: str = words(key=True)
    name: str = words()
    state: str = words(default="active")
    time_zone: str = words(default="Asia/Shanghai")
    switch_unproven: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    attention_after_s: int = whole(default=900)
    metadata_: dict[str, Any] = document(name="metadata")
    version: int = whole(default=1)
    created_at: datetime = moment(now=True)


class ApiKey(SQLModel, table=True):
    """A bearer key of a merchant; only its SHA-256 is kept."""

    __tablename__ = "api_key"
    __table_args__ = (
        ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="api_key_merchant"),
        Index("api_key_secret_hash", "secret_hash", unique=True),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    secret_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = moment(now=True)
    revoked_at: datetime | None = moment(nullable=True)


class ChannelAccountRow(SQLModel, table=True):
    """One merchant's contract with one channel; `funds_holder` never changes; secrets are encrypted."""

    __tablename__ = "channel_account"
    __table_args__ = (
        ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="channel_account_merchant"),
        one_of("funds_holder", FundsHolder),
        CheckConstraint("fee_rate_bps BETWEEN 0 AND 10000", name="fee_rate_in_range"),
        CheckConstraint("fee_fixed_minor >= 0 AND coalesce(fee_cap_minor, 0) >= 0", name="fees_not_negative"),
        Index("channel_account_merchant_currency", "merchant_id", "currency"),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    channel: str = words()
    currency: str = words()
    funds_holder: str = words()
    fee_rate_bps: int = whole(default=0)
    fee_fixed_minor: int = whole(default=0)
    fee_cap_minor: int | None = whole(nullable=True)
    config: dict[str, Any] = document()
    secrets: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    enabled: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    version: int = whole(default=1)
    created_at: datetime = moment(now=True)


class WebhookEndpoint(SQLModel, table=True):
    """Where a merchant is told; the previous secret also signs until `previous_until`."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="webhook_endpoint_merchant"),
        Index("webhook_endpoint_merchant_id", "merchant_id", unique=True),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    url: str = words()
    events: list[str] = document()
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    previous_secret: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    previous_until: datetime | None = moment(nullable=True)
    version: int = whole(default=1)
    created_at: datetime = moment(now=True)
