"""The book's tables for reading: the files in `ledger/sql` make and constrain them, its functions alone write them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_MOMENT = DateTime(timezone=True)
_NOW = text("now()")


def _key(kind: Any) -> Any:  # noqa: ANN401 - a column type and a field
    return Field(sa_column=Column(kind, primary_key=True, autoincrement=False))


def _kept(kind: Any, server_default: Any = None) -> Any:  # noqa: ANN401 - the same
    return Field(sa_column=Column(kind, nullable=False, server_default=server_default))


def _maybe(kind: Any) -> Any:  # noqa: ANN401 - the same
    return Field(default=None, sa_column=Column(kind, nullable=True))


class LedgerChart(SQLModel, table=True):
    """The kinds of accounts, as `ledger.chart.CHART` has them."""

    __tablename__ = "ledger_chart"

    kind: str = _key(Text)
    class_: str = Field(sa_column=Column("class", Text, nullable=False))
    normal_sign: int = _kept(SmallInteger)
    opened_by: str = _kept(Text)


class Account(SQLModel, table=True):
    """A balance with an owner and a currency; what waits in the inbox is not in `available` yet."""

    __tablename__ = "account"
    __table_args__ = (
        ForeignKeyConstraint(["kind"], ["ledger_chart.kind"], name="account_kind"),
        Index("account_merchant", "merchant_id", "id"),
    )

    id: str = _key(Text)
    kind: str = _kept(Text)
    owner: str = _kept(Text)
    merchant_id: str | None = _maybe(Text)
    currency: str = _kept(Text)
    class_: str = Field(sa_column=Column("class", Text, nullable=False))
    available: int = _kept(BigInteger, text("0"))
    frozen: int = _kept(BigInteger, text("0"))
    floor: int = _kept(BigInteger, text("0"))
    blocked_at: datetime | None = _maybe(_MOMENT)
    blocked_reason: str | None = _maybe(Text)
    closed_at: datetime | None = _maybe(_MOMENT)
    created_at: datetime = _kept(_MOMENT, _NOW)
    version: int = _kept(BigInteger, text("1"))
    metadata_: dict[str, Any] = Field(
        sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )


class LedgerStep(SQLModel, table=True):
    """The once-only gate of a money step, and the posting that passed it."""

    __tablename__ = "ledger_step"

    biz_type: str = _key(Text)
    biz_id: str = _key(Text)
    step: str = _key(Text)
    posting_id: UUID = _kept(Uuid)
    digest: bytes = _kept(LargeBinary)


class TablePartition(SQLModel, table=True):
    """Which rows a partition has, by the time in their ids; `ledger_horizon()` is the end of the last detached one."""

    __tablename__ = "table_partition"
    __table_args__ = (Index("table_partition_begins_at", "table_name", "begins_at", unique=True),)

    name: str = _key(Text)
    table_name: str = _kept(Text)
    begins_at: datetime = _kept(_MOMENT)
    ends_at: datetime = _kept(_MOMENT)
    detached_at: datetime | None = _maybe(_MOMENT)


class LedgerCorrection(SQLModel, table=True):
    """The once-only gate of a correction: what was corrected, and by which posting."""

    __tablename__ = "ledger_correction"

    corrects: UUID = _key(Uuid)
    posting_id: UUID = _kept(Uuid)


class Posting(SQLModel, table=True):
    """A balanced set of entries; `event_at` is when it happened, `created_at` when we wrote it.

    `booked_on` is the day whose books contain it, `belongs_to` the sealed day that it came too late for.
    """

    __tablename__ = "posting"
    __table_args__ = (
        Index("posting_booked_on", "booked_on"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: UUID = _key(Uuid)
    biz_type: str = _kept(Text)
    biz_id: str = _kept(Text)
    step: str = _kept(Text)
    merchant_id: str | None = _maybe(Text)
    event_at: datetime = _kept(_MOMENT)
    created_at: datetime = _kept(_MOMENT, _NOW)
    corrects: UUID | None = _maybe(Uuid)
    memo: str | None = _maybe(Text)
    booked_on: date = _kept(Date)
    belongs_to: date | None = _maybe(Date)


class Entry(SQLModel, table=True):
    """One signed leg of a posting, in minor units."""

    __tablename__ = "entry"
    __table_args__ = (
        Index("entry_account", "account_id", "posting_id", "n", postgresql_include=["amount_minor"]),
        {"postgresql_partition_by": "RANGE (posting_id)"},
    )

    posting_id: UUID = _key(Uuid)
    n: int = _key(Integer)
    account_id: str = _kept(Text)
    currency: str = _kept(Text)
    amount_minor: int = _kept(BigInteger)
    kind: str = _kept(Text)
    object_id: str = _kept(Text)
    event_at: datetime = _kept(_MOMENT)


class Inbox(SQLModel, table=True):
    """What a posting did to a deferred or open account whose row does not contain it yet."""

    __tablename__ = "inbox"

    account_id: str = _key(Text)
    posting_id: UUID = _key(Uuid)
    n: int = _kept(Integer)
    amount_minor: int = _kept(BigInteger)


class SealedDayRow(SQLModel, table=True):
    """A day that takes no posting any more, chained to the one before it by their digests."""

    __tablename__ = "sealed_day"

    day: date = _key(Date)
    sealed_at: datetime = _kept(_MOMENT)
    postings: int = _kept(BigInteger)
    digest: bytes = _kept(LargeBinary)
    previous_digest: bytes | None = _maybe(LargeBinary)


class DayBalance(SQLModel, table=True):
    """What an account held at the end of a sealed day on which it moved, in minor units."""

    __tablename__ = "day_balance"

    account_id: str = _key(Text)
    day: date = _key(Date)
    balance_minor: int = _kept(BigInteger)


class Hold(SQLModel, table=True):
    """Money frozen by a try; without an account it is a tombstone: a cancel that came before its try."""

    __tablename__ = "hold"
    __table_args__ = (Index("hold_open", "account_id", postgresql_where=text("state = 'held'")),)

    biz_type: str = _key(Text)
    biz_id: str = _key(Text)
    step: str = _key(Text)
    account_id: str | None = _maybe(Text)
    currency: str | None = _maybe(Text)
    amount_minor: int | None = _maybe(BigInteger)
    state: str = _kept(Text)
    reason: str | None = _maybe(Text)
    expires_at: datetime | None = _maybe(_MOMENT)
    created_at: datetime = _kept(_MOMENT, _NOW)
    ended_at: datetime | None = _maybe(_MOMENT)
    parts: int = _kept(Integer, text("1"))
