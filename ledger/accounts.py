"""Accounts: opening, blocking, closing, and reading what they hold. The caller's session commits; nothing here does."""

import json
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, Date, DateTime, Integer, bindparam, text
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import UnknownAccount
from domain.ids import AccountId
from domain.money import Currency
from ledger.calls import call
from ledger.chart import AccountKind


class OpenOutcome(StrEnum):
    """What opening did: the account exists in both cases."""

    OPENED = "opened"
    REPLAY = "replay"


class OpenAccount(BaseModel):
    """A new account. `floor_minor` is 0, or minus the credit limit; metadata is the merchant's own."""

    model_config = ConfigDict(frozen=True)

    id: AccountId
    kind: AccountKind = AccountKind.WALLET
    owner: str
    merchant_id: str | None
    currency: Currency
    floor_minor: Annotated[int, Field(strict=True, le=0)] = 0
    metadata: dict[str, Any] = Field(default_factory=dict)


class AccountBalance(BaseModel):
    """An account with what it holds in minor units, inbox included: total = available + frozen."""

    model_config = ConfigDict(frozen=True)

    id: AccountId
    kind: AccountKind
    owner: str
    merchant_id: str | None
    currency: Currency
    total_minor: int
    available_minor: int
    frozen_minor: int
    floor_minor: int
    blocked_at: datetime | None
    blocked_reason: str | None
    closed_at: datetime | None
    created_at: datetime
    version: int
    metadata: dict[str, Any]


class StatementCursor(BaseModel):
    """The last entry that was read."""

    model_config = ConfigDict(frozen=True)

    posting_id: UUID
    n: int


class BookedDays(BaseModel):
    """The days of the book that a statement covers, both included; None leaves an end open."""

    model_config = ConfigDict(frozen=True)

    first: date | None = None
    last: date | None = None


class StatementEntry(BaseModel):
    """One entry of an account, and its balance after it, in minor units.

    `belongs_to` is the sealed day that its posting came too late for, `corrects` the posting that it undoes.
    """

    model_config = ConfigDict(frozen=True)

    posting_id: UUID
    n: int
    amount_minor: int
    balance_minor: int
    kind: str
    object_id: str
    event_at: datetime
    booked_on: date
    belongs_to: date | None = None
    corrects: UUID | None = None

    @property
    def cursor(self) -> StatementCursor:
        """Where the next page begins."""
        return StatementCursor(posting_id=self.posting_id, n=self.n)


_OPEN = text(
    "SELECT ledger_open_account(:id, :kind, :owner, :merchant_id, :currency, :floor_minor, CAST(:metadata AS jsonb))"
).bindparams(bindparam("floor_minor", type_=BigInteger))
_BLOCK = text("SELECT ledger_block_account(:account_id, :reason)")
_UNBLOCK = text("SELECT ledger_unblock_account(:account_id)")
_CLOSE = text("SELECT ledger_close_account(:account_id)")
_SELECT = """
    SELECT id, kind, owner, merchant_id, currency, floor AS floor_minor, frozen AS frozen_minor,
        available + waiting AS available_minor, available + waiting + frozen AS total_minor,
        blocked_at, blocked_reason, closed_at, created_at, version, metadata
    FROM account, LATERAL (
        SELECT coalesce(sum(amount_minor), 0)::bigint AS waiting FROM inbox WHERE account_id = account.id
    ) AS unfolded
"""
_READ = text(_SELECT + "WHERE id = :account_id")
_OF_MERCHANT = text(
    _SELECT
    + """
    WHERE merchant_id = :merchant_id AND id > coalesce(CAST(:after AS text), '')
        AND (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:owner AS text) IS NULL OR owner = :owner)
    ORDER BY id LIMIT :accounts_max
"""
)
_BALANCE_AT = text("SELECT ledger_balance_before(:account_id, ledger_first_id(:until), 0)").bindparams(
    bindparam("until", type_=DateTime(timezone=True))
)
_BALANCE_ON = text("SELECT ledger_balance_on(:account_id, :day)").bindparams(bindparam("day", type_=Date))
# Newest first. The balance after an entry is the sum of all entries up to it, also of those that the page leaves out.
_STATEMENT = text("""
    WITH page AS (
        SELECT entry.*, booked_on, belongs_to, corrects FROM entry JOIN posting ON posting.id = posting_id
        WHERE account_id = :account_id
            AND (posting_id, n) < (coalesce(:posting_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), coalesce(:n, 0))
            AND booked_on BETWEEN coalesce(:first, '-infinity'::date) AND coalesce(:last, 'infinity'::date)
        ORDER BY posting_id DESC, n DESC LIMIT :entries_max
    ), oldest AS MATERIALIZED (  -- the sum before the page is asked for once, not for each entry
        SELECT posting_id, n, ledger_balance_before(:account_id, posting_id, n) AS before_minor
        FROM (SELECT posting_id, n FROM page ORDER BY posting_id, n LIMIT 1) AS first
    ), balances AS (
        SELECT entry.posting_id, entry.n, before_minor
            + (sum(amount_minor) OVER (ORDER BY entry.posting_id, entry.n))::bigint AS balance_minor
        FROM oldest, entry
        WHERE account_id = :account_id AND (entry.posting_id, entry.n) >= (oldest.posting_id, oldest.n)
            AND entry.posting_id <= (SELECT posting_id FROM page ORDER BY posting_id DESC LIMIT 1)
    )
    SELECT posting_id, n, amount_minor, balance_minor, kind, object_id, event_at, booked_on, belongs_to, corrects
    FROM page JOIN balances USING (posting_id, n) ORDER BY posting_id DESC, n DESC
""").bindparams(
    bindparam("posting_id", type_=UUID_TYPE),
    bindparam("n", type_=Integer),
    bindparam("first", type_=Date),
    bindparam("last", type_=Date),
)


async def open_account(session: AsyncSession, account: OpenAccount) -> OpenOutcome:
    """The account exists; LedgerConflict when the id is one with other properties."""
    arguments = {**account.model_dump(), "metadata": json.dumps(account.metadata)}
    return OpenOutcome.REPLAY if (await call(session, _OPEN, arguments))[0] else OpenOutcome.OPENED


async def block_account(session: AsyncSession, account_id: AccountId, reason: str) -> None:
    """The account takes no new hold or debit; credits and confirms of earlier holds pass. UnknownAccount."""
    await call(session, _BLOCK, {"account_id": account_id, "reason": reason})


async def unblock_account(session: AsyncSession, account_id: AccountId) -> None:
    """The account takes holds and debits again. UnknownAccount."""
    await call(session, _UNBLOCK, {"account_id": account_id})


async def close_account(session: AsyncSession, account_id: AccountId) -> None:
    """The account is closed for good; AccountNotEmpty while a balance or a hold remains, UnknownAccount."""
    await call(session, _CLOSE, {"account_id": account_id})


async def read_account(session: AsyncSession, account_id: AccountId) -> AccountBalance:
    """The account as it is now, with whatever its inbox contains. UnknownAccount."""
    row = (await session.execute(_READ, {"account_id": account_id})).one_or_none()
    if row is None:
        raise UnknownAccount(f"no account {account_id}")
    return AccountBalance.model_validate(row, from_attributes=True)


async def accounts_of(  # noqa: PLR0913 - a filter each, by name
    session: AsyncSession,
    merchant_id: str,
    *,
    kind: AccountKind | None = None,
    owner: str | None = None,
    after: AccountId | None = None,
    limit: int = 20,
) -> tuple[AccountBalance, ...]:
    """The merchant's accounts in the order of their ids; `after` is the last one read before."""
    arguments = {"merchant_id": merchant_id, "kind": kind, "owner": owner, "after": after, "accounts_max": limit}
    rows = await session.execute(_OF_MERCHANT, arguments)
    return tuple(AccountBalance.model_validate(row, from_attributes=True) for row in rows)


async def balance_at(session: AsyncSession, account_id: AccountId, at: datetime) -> int:
    """What the account held by the postings that were written up to `at`, holds included, in minor units."""
    until = at + timedelta(microseconds=1)
    return int((await session.execute(_BALANCE_AT, {"account_id": account_id, "until": until})).scalar_one())


async def balance_on(session: AsyncSession, account_id: AccountId, day: date) -> int:
    """What the account held at the end of a day by what is booked up to it; a sealed day's never changes."""
    return int((await session.execute(_BALANCE_ON, {"account_id": account_id, "day": day})).scalar_one())


async def statement(
    session: AsyncSession,
    account_id: AccountId,
    *,
    after: StatementCursor | None = None,
    limit: int = 20,
    booked: BookedDays | None = None,
) -> tuple[StatementEntry, ...]:
    """The account's entries, newest first, each with the balance after it; `after` is the last one read before."""
    place = {"posting_id": after.posting_id, "n": after.n} if after else {"posting_id": None, "n": None}
    days = (booked or BookedDays()).model_dump()
    rows = await session.execute(_STATEMENT, {"account_id": account_id, "entries_max": limit, **place, **days})
    return tuple(StatementEntry.model_validate(row, from_attributes=True) for row in rows)
