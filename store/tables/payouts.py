"""Money that leaves an account: to the outside by a channel, or to another account."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from domain.states import PAYOUT_TERMINAL, Approval, Certainty, LegState, PayoutState, TransferState
from store.tables.columns import document, maybe_words, moment, one_of, whole, words

_ENDED = ", ".join(f"'{state}'" for state in sorted(PAYOUT_TERMINAL))


class Payout(SQLModel, table=True):
    """A payout with its channel leg; moved by its own workflow, and by the watch once it has succeeded.

    `destination` names a person's account: it is never part of an event, a log or a workflow. A payout that resolves a
    suspense item names it, and holds nothing in an account. `sends` counts the calls that may still arrive.
    """

    __tablename__ = "payout"
    __table_args__ = (
        one_of("state", PayoutState),
        one_of("leg_state", LegState),
        one_of("certainty", Certainty),
        one_of("approval", Approval),
        CheckConstraint("amount_minor > 0 AND fee_minor >= 0 AND fee_minor < amount_minor", name="payout_amounts"),
        CheckConstraint("NOT needs_attention OR attention_owner IS NOT NULL", name="payout_attention_has_owner"),
        CheckConstraint("(account_id IS NULL) = (suspense_item_id IS NOT NULL)", name="payout_has_one_source"),
        Index("payout_out_no", "out_no", unique=True),
        Index("payout_payout_no", "merchant_id", "payout_no", unique=True),
        Index("payout_account_id", "account_id"),
        Index("payout_open", "updated_at", postgresql_where=text(f"state NOT IN ({_ENDED})")),
        Index("payout_watched", "next_check_at", postgresql_where=text("watch_until IS NOT NULL")),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    payout_no: str = words()
    account_id: str | None = maybe_words()
    account_kind: str | None = maybe_words()
    suspense_item_id: str | None = maybe_words()
    amount_minor: int = whole()
    fee_minor: int = whole(default=0)
    currency: str = words()
    channel: str = words()
    channel_account_id: str = words()
    destination: dict[str, Any] = document()
    memo: str | None = maybe_words()
    out_no: str = words()
    channel_no: str | None = maybe_words()
    state: str = words(default="pending")
    leg_state: str = words(default="intent")
    sent_at: datetime | None = moment(nullable=True)
    sends: int = whole(default=0)
    last_sent_at: datetime | None = moment(nullable=True)
    approval: str | None = maybe_words()
    approval_expires_at: datetime | None = moment(nullable=True)
    approval_reason: str | None = maybe_words()
    decided_at: datetime | None = moment(nullable=True)
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
    returned_at: datetime | None = moment(nullable=True)
    metadata_: dict[str, Any] = document(name="metadata")
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)


class Transfer(SQLModel, table=True):
    """Money from one account to another, in one transaction: the row and its posting stand or fall together.

    One that resolves a suspense item names it, and comes from the account of suspense.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        one_of("state", TransferState),
        CheckConstraint("amount_minor > 0 AND fee_minor >= 0", name="transfer_amounts"),
        CheckConstraint("from_account_id <> to_account_id", name="transfer_between_two"),
        Index("transfer_transfer_no", "merchant_id", "transfer_no", unique=True),
        Index("transfer_from_account_id", "from_account_id"),
        Index("transfer_to_account_id", "to_account_id"),
    )

    id: str = words(key=True)
    merchant_id: str = words()
    transfer_no: str = words()
    from_account_id: str = words()
    to_account_id: str = words()
    suspense_item_id: str | None = maybe_words()
    amount_minor: int = whole()
    fee_minor: int = whole(default=0)
    currency: str = words()
    memo: str | None = maybe_words()
    state: str = words(default="pending")
    version: int = whole(default=1)
    succeeded_at: datetime | None = moment(nullable=True)
    metadata_: dict[str, Any] = document(name="metadata")
    created_at: datetime = moment(now=True)
    updated_at: datetime = moment(now=True)
