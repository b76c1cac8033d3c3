"""What the calls about accounts do to the book."""

import base64
import hashlib
from datetime import UTC, datetime
from uuid import UUID

import orjson
from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from api.answers import PageQuery, page
from api.auth import Caller
from api.idempotency import request_hash
from api.services import Services
from api.setup_bodies import AccountBody
from domain.errors import AccountNotEmpty, AlreadyExists, InvalidRequest, NotFound, UnknownAccount
from domain.ids import AccountId, new_id
from domain.resources import AccountObject, StatementItem
from domain.states import PAYMENT_TERMINAL
from ledger import accounts as book
from ledger.accounts import AccountBalance, OpenAccount, OpenOutcome, StatementCursor
from ledger.book import PostRequest, post
from ledger.chart import AccountKind, system_account_id
from ledger.errors import LedgerConflict
from ledger.legs import StepKey
from ledger.steps import OPENING, Parties, legs
from store.requests import ObjectClaim, claim_object
from store.tables.merchants import Merchant, OperatorAction
from store.tables.payments import Payment

#: The moment that an opening balance carries: the same for every repeat, so that a repeat is the same posting.
_OPENED_AT = datetime(2000, 1, 1, tzinfo=UTC)
#: More entries than any posting has, and within what PostgreSQL takes for a number of an entry.
_LINES_MAX = 2**31


async def open_wallet(
    services: Services, caller: Caller, *, body: AccountBody, key: str | None
) -> tuple[AccountObject, bool]:
    """The owner's wallet in that currency, and whether it existed; AlreadyExists with another opening balance.

    An opening balance, and another merchant's name, only come from the operator.
    """
    merchant_id = _merchant_of(caller, body)
    account_id = wallet_id(merchant_id, body)
    async with services.database.transaction("account.open", account_id) as session:
        if await session.get(Merchant, merchant_id) is None:
            raise NotFound("there is no such merchant")
        await claim_object(session, ObjectClaim(merchant_id, "accounts", request_hash(body), account_id, key))
        try:
            replayed = await _open(session, merchant_id, account_id, body)
        except LedgerConflict as conflict:
            raise AlreadyExists("the owner has a wallet in this currency, with other fields") from conflict
        account = await _shown(session, account_id)
    return account, replayed


def wallet_id(merchant_id: str, body: AccountBody) -> AccountId:
    """One id for one owner, currency and merchant, so that opening twice opens once."""
    named = orjson.dumps((merchant_id, body.kind, body.owner, body.currency))
    return AccountId("acc_" + base64.b32encode(hashlib.sha256(named).digest()).decode().lower()[:26])


async def account_now(services: Services, caller: Caller, account_id: str) -> AccountObject:
    """The account; UnknownAccount when it is another merchant's."""
    async with services.database.reading() as session:
        await _require_own(session, caller, account_id)
        return await _shown(session, account_id)


async def read_statement(services: Services, caller: Caller, *, account_id: str, query: PageQuery) -> Response:
    """A page of entries, newest first."""
    async with services.database.reading() as session:
        await _require_own(session, caller, account_id)
        entries = await book.statement(session, AccountId(account_id), after=_cursor(query.after), limit=query.limit)
    items = [
        StatementItem.model_validate({**entry.model_dump(), "posting_id": str(entry.posting_id)}) for entry in entries
    ]
    return page(items, query.limit, f"{entries[-1].posting_id}.{entries[-1].n}" if entries else None)


async def act_on_account(
    services: Services, caller: Caller, *, account_id: str, action: str, reason: str
) -> AccountObject:
    """Blocked, unblocked or closed, with the operator's reason kept beside it."""
    async with services.database.transaction(f"account.{action}", account_id) as session:
        await _require_own(session, caller, account_id)
        match action:
            case "block":
                await book.block_account(session, AccountId(account_id), reason)
            case "unblock":
                await book.unblock_account(session, AccountId(account_id))
            case _:
                await _close(session, account_id)
        session.add(OperatorAction(id=new_id("opa"), action=f"account.{action}", object_id=account_id, reason=reason))
        return await _shown(session, account_id)


async def _close(session: AsyncSession, account_id: str) -> None:
    running = select(Payment.id).where(
        Payment.payer_account_id == account_id,
        Payment.state.not_in([*PAYMENT_TERMINAL]),  # type: ignore[attr-defined]
    )
    if (await session.scalars(running.limit(1))).first() is not None:
        raise AccountNotEmpty("a payment from this account has not ended")
    await book.close_account(session, AccountId(account_id))


def _merchant_of(caller: Caller, body: AccountBody) -> str:
    if caller.merchant_id is None:
        if body.merchant_id is None:
            raise InvalidRequest(fields={"merchant_id": "the operator names the merchant"})
        return body.merchant_id
    if body.opening_balance_minor is not None or body.merchant_id not in {None, caller.merchant_id}:
        raise InvalidRequest(fields={"opening_balance_minor": "only an operator may set this, or another merchant_id"})
    return caller.merchant_id


async def _open(session: AsyncSession, merchant_id: str, account_id: AccountId, body: AccountBody) -> bool:
    account = OpenAccount(
        id=account_id, owner=body.owner, merchant_id=merchant_id, currency=body.currency, metadata=body.metadata
    )
    outcome = await book.open_account(session, account)
    if body.opening_balance_minor is not None:
        parties = Parties(currency=body.currency, object_id=account_id, merchant_id=merchant_id, target_id=account_id)
        opening = legs(OPENING, {"opening_minor": body.opening_balance_minor}, parties)
        key = StepKey(biz_type="account", biz_id=account_id, step=OPENING.name)
        await post(session, key, PostRequest(merchant_id=merchant_id, event_at=_OPENED_AT, legs=opening))
    return outcome is OpenOutcome.REPLAY


async def _require_own(session: AsyncSession, caller: Caller, account_id: str) -> None:
    account = await book.read_account(session, AccountId(account_id))
    if caller.merchant_id not in {None, account.merchant_id}:
        raise UnknownAccount(f"no account {account_id}")


async def _shown(session: AsyncSession, account_id: str) -> AccountObject:
    account = await book.read_account(session, AccountId(account_id))
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
