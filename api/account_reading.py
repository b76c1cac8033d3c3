"""Accounts as they are shown: now, in the past, listed, and by their entries."""

from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import AwareDatetime, Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.answers import PageQuery, page
from api.auth import Caller
from api.fields import Body, ShortText, Token
from api.services import Services
from domain.errors import InvalidRequest, UnknownAccount
from domain.ids import AccountId
from domain.money import Currency
from domain.resources import AccountObject, BalanceObject, MerchantBalancesObject, StatementItem
from ledger import accounts as book
from ledger.accounts import AccountBalance, BookedDays, StatementCursor
from ledger.chart import AccountKind, system_account_id

#: More entries than any posting has, and within what PostgreSQL takes for a number of an entry.
_LINES_MAX = 2**31
#: A merchant has one account of each of these per currency; what it owes us is shown as a positive amount.
_OF_MERCHANT = {
    AccountKind.MERCHANT_AVAILABLE: ("available_minor", 1),
    AccountKind.MERCHANT_PENDING: ("pending_minor", 1),
    AccountKind.MERCHANT_RESERVE: ("reserve_minor", 1),
    AccountKind.MERCHANT_DIRECT: ("direct_minor", 1),
    AccountKind.PAYOUT_IN_TRANSIT: ("in_transit_minor", 1),
    AccountKind.MERCHANT_DEBT: ("debt_minor", -1),
    AccountKind.MERCHANT_FEE_RECEIVABLE: ("fee_owed_minor", -1),
}
_CURRENCIES_MAX = 100
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class AccountQuery(PageQuery):
    """What is left out does not matter; `merchant_id` is the operator's to choose."""

    kind: AccountKind | None = None
    owner: ShortText | None = None
    merchant_id: Token | None = None


class BalanceQuery(Body):
    """When: a moment, or the end of a day of the book; left out means now."""

    at: Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)] | None = Field(
        None, description="By what was written up to then."
    )
    on: date | None = Field(None, description="By what is booked up to that day's end; a sealed day never changes.")


class DaysQuery(Body):
    """Which days of the book, both included."""

    first: Annotated[date | None, Field(alias="from", description="The first day of the book.")] = None
    last: Annotated[date | None, Field(alias="to", description="The last day of the book.")] = None

    def booked(self) -> BookedDays:
        """The days as the book reads them."""
        return BookedDays(first=self.first, last=self.last)


class StatementQuery(PageQuery, DaysQuery):
    """Which page of which days."""


async def account_now(services: Services, caller: Caller, account_id: str) -> AccountObject:
    """The account; UnknownAccount when it is another merchant's."""
    async with services.database.reading() as session:
        await require_own(session, caller, account_id)
        return await shown(session, account_id)


async def list_of(services: Services, caller: Caller, query: AccountQuery) -> Response:
    """A page of a merchant's accounts in the order of their ids; NotFound for another merchant's."""
    merchant_id = query.merchant_id or caller.merchant_id
    if merchant_id is None:
        raise InvalidRequest(fields={"merchant_id": "the operator names the merchant"})
    caller.require_self(merchant_id)
    wanted = {"kind": query.kind, "owner": query.owner, "after": query.after, "limit": query.limit}
    async with services.database.reading() as session:
        found = await book.accounts_of(session, merchant_id, **wanted)  # type: ignore[arg-type]
        items = [await _object(session, account) for account in found]
    return page(items, query.limit, items[-1].id if items else None)


async def balance_then(services: Services, caller: Caller, account_id: str, query: BalanceQuery) -> BalanceObject:
    """What the account held, holds included; InvalidRequest when both a moment and a day are asked for."""
    if query.at is not None and query.on is not None:
        raise InvalidRequest(fields={"on": "a moment or a day, not both"})
    async with services.database.reading() as session:
        account = await require_own(session, caller, account_id)
        if query.at is not None:
            balance_minor = await book.balance_at(session, account.id, query.at)
        elif query.on is not None:
            balance_minor = await book.balance_on(session, account.id, query.on)
        else:
            balance_minor = account.total_minor
    when = {"at": query.at, "on": query.on}
    return BalanceObject(account_id=account.id, balance_minor=balance_minor, currency=account.currency, **when)


async def read_statement(services: Services, caller: Caller, account_id: str, query: StatementQuery) -> Response:
    """A page of entries, newest first."""
    async with services.database.reading() as session:
        await require_own(session, caller, account_id)
        entries = await book.statement(
            session, AccountId(account_id), after=_cursor(query.after), limit=query.limit, booked=query.booked()
        )
    items = [StatementItem.model_validate(entry.model_dump()) for entry in entries]
    return page(items, query.limit, f"{entries[-1].posting_id}.{entries[-1].n}" if entries else None)


async def merchant_balances(services: Services, merchant_id: str) -> MerchantBalancesObject:
    """What the merchant has and owes, by currency: the accounts that are its own, its payers' wallets left out."""
    by_currency: dict[Currency, dict[str, int]] = {}
    async with services.database.reading() as session:
        for kind, (name, sign) in _OF_MERCHANT.items():
            for account in await book.accounts_of(session, merchant_id, kind=kind, limit=_CURRENCIES_MAX):
                amounts = by_currency.setdefault(account.currency, {})
                amounts[name] = sign * account.total_minor
                if kind is AccountKind.MERCHANT_AVAILABLE:
                    amounts |= {name: account.available_minor, "frozen_minor": account.frozen_minor}
    balances = [{"currency": currency, **by_currency[currency]} for currency in sorted(by_currency)]
    return MerchantBalancesObject.model_validate({"merchant_id": merchant_id, "balances": balances})


async def require_own(session: AsyncSession, caller: Caller, account_id: str) -> AccountBalance:
    """The account; UnknownAccount when it is another merchant's."""
    account = await book.read_account(session, AccountId(account_id))
    if caller.merchant_id not in {None, account.merchant_id}:
        raise UnknownAccount(f"no account {account_id}")
    return account


async def shown(session: AsyncSession, account_id: str) -> AccountObject:
    """The account as the API shows it."""
    return await _object(session, await book.read_account(session, AccountId(account_id)))


async def _object(session: AsyncSession, account: AccountBalance) -> AccountObject:
    return AccountObject.model_validate(
        {**account.model_dump(), "state": _state(account), "pending_minor": await _pending_minor(session, account)}
    )


def _state(account: AccountBalance) -> str:
    if account.closed_at is not None:
        return "closed"
    return "blocked" if account.blocked_at is not None else "open"


async def _pending_minor(session: AsyncSession, account: AccountBalance) -> int | None:
    """A merchant's unsettled money beside its available money; None for any other account."""
    if account.kind is not AccountKind.MERCHANT_AVAILABLE:
        return None
    pending_id = system_account_id(AccountKind.MERCHANT_PENDING, account.owner, account.currency)
    try:
        return (await book.read_account(session, pending_id)).total_minor
    except UnknownAccount:
        return 0


def _cursor(after: str | None) -> StatementCursor | None:
    if after is None:
        return None
    posting_id, _, number = after.partition(".")
    try:
        return StatementCursor(posting_id=UUID(posting_id), n=int(number) % _LINES_MAX)
    except ValueError as error:
        raise InvalidRequest(fields={"after": "not a cursor of this list"}) from error
