"""The book: one call, one SQL function, one money step. The caller's session commits; nothing here does.

A refusal aborts the caller's transaction, so that a refused step leaves nothing. The functions keep the order of locks
inside a call and nobody keeps it between two: calls that share a transaction must guard the same accounts.
"""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.ids import AccountId
from domain.money import AmountMinor, Currency
from ledger.calls import call, call_rows
from ledger.chart import AccountKind
from ledger.legs import Leg, StepKey


class HoldOutcome(StrEnum):
    """What a try did: the money is held in both cases, or was already taken."""

    HELD = "held"
    REPLAY = "replay"


class ReleaseOutcome(StrEnum):
    """What a cancel did; nothing is held in any case."""

    RELEASED = "released"
    TOMBSTONE = "tombstone"  # there was no try: one that comes later is refused
    REPLAY = "replay"


class HoldRequest(BaseModel):
    """What a try freezes. A merchant of None is the operator; `expires_at` is a reminder, nothing ends by it."""

    model_config = ConfigDict(frozen=True)

    account_id: AccountId
    merchant_id: str | None
    amount_minor: AmountMinor
    currency: Currency
    expires_at: datetime | None = None
    reason: str | None = None


class Source(BaseModel):
    """One place that a try may take money from, at most so much of it.

    With kind and owner a system account that does not exist is opened; without, it has nothing. `credit_minor` is how
    far below zero a merchant's debt may go; every other account goes to its own floor.
    """

    model_config = ConfigDict(frozen=True)

    account_id: AccountId
    account_kind: AccountKind | None = None
    owner: str | None = None
    merchant_id: str | None = None
    at_most_minor: Annotated[int, Field(strict=True, ge=0)] | None = None
    credit_minor: Annotated[int, Field(strict=True, ge=0)] = 0


class HoldFromRequest(BaseModel):
    """What a try freezes over several sources, taken in their order; an account may come more than once."""

    model_config = ConfigDict(frozen=True)

    merchant_id: str | None
    amount_minor: AmountMinor
    currency: Currency
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    expires_at: datetime | None = None
    reason: str | None = None


class HeldPart(BaseModel):
    """One of the holds that such a try made: what a posting names to take it."""

    model_config = ConfigDict(frozen=True)

    key: StepKey
    account_id: AccountId
    amount_minor: int


class PostRequest(BaseModel):
    """What a posting says: when it happened, for which merchant (None: the operator), and what it corrects."""

    model_config = ConfigDict(frozen=True)

    merchant_id: str | None
    event_at: datetime
    legs: tuple[Leg, ...]
    memo: str | None = None
    corrects: UUID | None = None


class CorrectRequest(BaseModel):
    """Which posting is undone by its opposite, when and why, and for which merchant (None: the operator)."""

    model_config = ConfigDict(frozen=True)

    corrects: UUID
    merchant_id: str | None
    event_at: datetime
    memo: str


class PostResult(BaseModel):
    """The posting of the step, whichever call made it."""

    model_config = ConfigDict(frozen=True)

    posting_id: UUID
    replayed: bool


_HOLD = text(
    "SELECT ledger_hold(:biz_type, :biz_id, :step, :account_id, :merchant_id, :amount_minor, :currency, :expires_at,"
    " :reason)"
).bindparams(bindparam("amount_minor", type_=BigInteger), bindparam("expires_at", type_=DateTime(timezone=True)))
_HOLD_FROM = text(
    "SELECT part_step AS step, part_account_id AS account_id, part_minor AS amount_minor FROM ledger_hold_from("
    ":biz_type, :biz_id, :step, :merchant_id, :amount_minor, :currency, CAST(:sources AS jsonb), :expires_at, :reason)"
).bindparams(bindparam("amount_minor", type_=BigInteger), bindparam("expires_at", type_=DateTime(timezone=True)))
_RELEASE = text("SELECT ledger_release(:biz_type, :biz_id, :step)")
_POST = text(
    "SELECT posted AS posting_id, replayed FROM ledger_post(:biz_type, :biz_id, :step, :merchant_id, :event_at, :memo,"
    " CAST(:legs AS jsonb), :corrects)"
).bindparams(bindparam("event_at", type_=DateTime(timezone=True)))
_CORRECT = text(
    "SELECT posted AS posting_id, replayed FROM ledger_correct(:biz_type, :biz_id, :step, :merchant_id, :event_at,"
    " :memo, :corrects)"
).bindparams(bindparam("event_at", type_=DateTime(timezone=True)))
_FOLD = text("SELECT ledger_fold(:account_id)")
_FOLD_SOME = text("SELECT ledger_fold_some(:accounts_max)")


async def hold(session: AsyncSession, key: StepKey, request: HoldRequest) -> HoldOutcome:
    """The amount is frozen, once; a repeat answers REPLAY.

    BalanceInsufficient, AccountBlocked, AccountClosed, UnknownAccount (or another merchant's), CurrencyMismatch,
    TryAfterCancel, LedgerConflict when the key holds something else.
    """
    return HoldOutcome((await call(session, _HOLD, {**key.model_dump(), **request.model_dump()}))[0])


async def hold_from(session: AsyncSession, key: StepKey, request: HoldFromRequest) -> tuple[HeldPart, ...]:
    """The amount is frozen over the sources in their order, one hold per account, once; a repeat answers the same.

    The first part has the key itself, the others `step.2`, `step.3` and so on; `release` of the key ends them all.
    BalanceInsufficient when the sources together do not cover it; AccountBlocked or AccountClosed when they would with
    that one. UnknownAccount (another merchant's), CurrencyMismatch, TryAfterCancel; LedgerConflict when the key holds
    another amount, or for an open account that is no debt.
    """
    sources = json.dumps([source.model_dump(exclude_none=True) for source in request.sources])
    arguments = {**key.model_dump(), **request.model_dump(exclude={"sources"}), "sources": sources}
    rows = await call_rows(session, _HOLD_FROM, arguments)
    return tuple(
        HeldPart(
            key=key.model_copy(update={"step": row.step}), account_id=row.account_id, amount_minor=row.amount_minor
        )
        for row in rows
    )


async def release(session: AsyncSession, key: StepKey) -> ReleaseOutcome:
    """The hold, or every part of it, is released; where there was none, a tombstone refuses it.

    LedgerConflict when it, or one of its parts, was confirmed.
    """
    return ReleaseOutcome((await call(session, _RELEASE, key.model_dump()))[0])


async def post(session: AsyncSession, key: StepKey, request: PostRequest) -> PostResult:
    """The legs are in the book, once, and the holds they name are confirmed; a repeat answers with the first posting.

    A debit without a hold may meet BalanceInsufficient, AccountBlocked or AccountClosed. UnknownAccount,
    CurrencyMismatch; UnbalancedPosting; LedgerConflict for other legs under the key or a hold that is not held.
    """
    legs = json.dumps([leg.model_dump(exclude_none=True) for leg in request.legs])
    arguments = request.model_dump(exclude={"legs"})
    return PostResult.model_validate(
        await call(session, _POST, {**key.model_dump(), **arguments, "legs": legs}), from_attributes=True
    )


async def correct(session: AsyncSession, key: StepKey, request: CorrectRequest) -> PostResult:
    """The opposite of the posting is in the book and names it, once; a repeat answers with the first correction.

    Guarded like any posting: BalanceInsufficient, AccountBlocked, AccountClosed. LedgerConflict when the posting does
    not exist, is a correction itself, or was corrected under another key.
    """
    arguments = {**key.model_dump(), **request.model_dump()}
    return PostResult.model_validate(await call(session, _CORRECT, arguments), from_attributes=True)


async def fold(session: AsyncSession, account_id: AccountId) -> int:
    """The account's row contains its whole inbox; answers how many inbox rows that were."""
    return int((await call(session, _FOLD, {"account_id": account_id}))[0])


async def fold_some(session: AsyncSession, accounts_max: int) -> int:
    """The longest inboxes are folded, accounts in use left alone; answers how many inbox rows that were."""
    return int((await call(session, _FOLD_SOME, {"accounts_max": accounts_max}))[0])
