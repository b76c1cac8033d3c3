"""What a merchant may do, and how much of a day's limit is used."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from domain.rules import APPROVAL_EXPIRES_IN_S_DEFAULT
from domain.states import Operation
from store.tables.columns import document, moment, one_of, whole, words


class MerchantRule(SQLModel, table=True):
    """One operation's rule in one currency; written by operator routes only, consistent by `domain.rules`."""

    __tablename__ = "merchant_rule"
    __table_args__ = (
        ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="merchant_rule_merchant"),
        one_of("operation", Operation),
        CheckConstraint("minimum_minor <= maximum_minor", name="rule_minimum_within_maximum"),
        CheckConstraint("debt_limit_minor >= 0", name="rule_debt_limit_not_negative"),
    )

    merchant_id: str = words(key=True)
    operation: str = words(key=True)
    currency: str = words(key=True)
    minimum_minor: int | None = whole(nullable=True)
    maximum_minor: int | None = whole(nullable=True)
    daily_minor: int | None = whole(nullable=True)
    daily_per_account_minor: int | None = whole(nullable=True)
    fee_rate_bps: int = whole(default=0)
    fee_fixed_minor: int = whole(default=0)
    fee_cap_minor: int | None = whole(nullable=True)
    tools: list[str] | None = document(nullable=True)
    approval_above_minor: int | None = whole(nullable=True)
    approval_expires_in_s: int = whole(default=APPROVAL_EXPIRES_IN_S_DEFAULT)
    debt_limit_minor: int = whole(default=0)
    version: int = whole(default=1)
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class LimitUse(SQLModel, table=True):
    """What one object took of one day's total; given back when it ends without effect. By `rule_admit` only.

    An object that was counted for its merchant (empty account) and for an account has two.
    """

    __tablename__ = "limit_use"

    object_id: str = words(key=True)
    account_id: str = words(key=True)
    merchant_id: str = words()
    operation: str = words()
    currency: str = words()
    day: date = Field(sa_column=Column(Date, nullable=False))
    amount_minor: int = whole()
    used_at: datetime = moment(now=True)
    given_back_at: datetime | None = moment(nullable=True)


class LimitDay(SQLModel, table=True):
    """A day's total of a merchant (empty account) or of one account; the sum of its uses not given back."""

    __tablename__ = "limit_day"
    __table_args__ = (
        CheckConstraint("used_minor >= 0", name="limit_day_not_negative"),
        Index("limit_day_day", "day"),
    )

    merchant_id: str = words(key=True)
    operation: str = words(key=True)
    currency: str = words(key=True)
    account_id: str = words(key=True)
    day: date = Field(sa_column=Column(Date, primary_key=True))
    used_minor: int = whole()


class OperationRequest(SQLModel, table=True):
    """The claim of a business's number and the validated body behind it, from which `open` makes the object (law 12).

    A request whose object was refused is dropped: it never became one, and its number is free.
    """

    __tablename__ = "operation_request"
    __table_args__ = (
        one_of("operation", Operation),
        Index("operation_request_number", "merchant_id", "operation", "number", unique=True),
        Index("operation_request_created_at", "created_at"),
    )

    object_id: str = words(key=True)
    merchant_id: str = words()
    operation: str = words()
    number: str = words()
    request_hash: str = words()
    body: dict[str, Any] = document()
    created_at: datetime = moment(now=True)
