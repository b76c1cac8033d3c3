"""Accounts: opening, blocking, closing, and reading what they hold. The caller's session commits; nothing here does."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, Integer, bindparam, text
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


class StatementEntry(BaseModel):
    """One entry of an account, and its balance after it, in minor units."""

    model_config = ConfigDict(frozen=True)

    posting_id: UUID
    n: int
    amount_minor: int
    balance_minor: int
    kind: str
    object_id: str
    event_at: datetime

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
_READ = text("""
    SELECT id, kind, owner, merchant_id, currency, floor AS floor_minor, frozen AS frozen_minor,
        available + waiting AS available_minor, available + waiting + frozen AS total_minor,
        blocked_at, blocked_reason, closed_at, created_at, version, metadata
    FROM account, LATERAL (
        SELECT coalesce(sum(amount_minor), 0)::bigint AS waiting FROM inbox WHERE account_id = account.id
    ) AS unfolded
    WHERE id = :account_id
""")
# Newest first. The balance after an entry is the sum of the account's entries up to it.
_STATEMENT = text("""
    WITH page AS (
        SELECT * FROM entry
        WHERE account_id = :account_id
            AND (CAST(:posting_id AS uuid) IS NULL OR (posting_id, n) < (CAST(:posting_id AS uuid), :n))
        ORDER BY posting_id DESC, n DESC LIMIT :entries_max
    ), oldest AS (
        SELECT posting_id, n FROM page ORDER BY posting_id, n LIMIT 1
    ), before AS (
        SELECT coalesce(sum(amount_minor), 0) AS sum_minor FROM entry
        WHERE account_id = :account_id AND (posting_id, n) < (SELECT posting_id, n FROM oldest)
    )
    SELECT posting_id, n, amount_minor, kind, object_id, event_at,
        (SELECT sum_minor FROM before)::bigint
            + (sum(amount_minor) OVER (ORDER BY posting_id, n))::bigint AS balance_minor
    FROM page ORDER BY posting_id DESC, n DESC
""").bindparams(bindparam("posting_id", type_=UUID_TYPE), bindparam("n", type_=Integer))


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
    connection = await session.connection()
    row = (await connection.execute(_READ, {"account_id": account_id})).one_or_none()
    if row is None:
        raise UnknownAccount(f"no account {account_id}")
    return AccountBalance.model_validate(row, from_attributes=True)


async def statement(
    session: AsyncSession, account_id: AccountId, *, after: StatementCursor | None = None, limit: int = 20
) -> tuple[StatementEntry, ...]:
    """The account's entries, newest first, each with the balance after it; `after` is the last one read before."""
    place = {"posting_id": after.posting_id, "n": after.n} if after else {"posting_id": None, "n": None}
    connection = await session.connection()
    rows = await connection.execute(_STATEMENT, {"account_id": account_id, "entries_max": limit, **place})
    return tuple(StatementEntry.model_validate(row, from_attributes=True) for row in rows)
