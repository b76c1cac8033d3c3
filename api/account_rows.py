"""What the calls about accounts change in the book."""

import base64
import hashlib

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from api.account_reading import require_own, shown
from api.audit_rows import note
from api.auth import Caller
from api.idempotency import request_hash
from api.services import Services
from api.setup_bodies import AccountBody
from domain.errors import AccountNotEmpty, AlreadyExists, InvalidRequest, NotFound
from domain.ids import AccountId
from domain.resources import AccountObject
from ledger import accounts as book
from ledger.accounts import OpenAccount, OpenOutcome
from ledger.book import PostRequest, post
from ledger.chart import AccountKind, system_account_id
from ledger.errors import LedgerConflict
from ledger.legs import StepKey
from ledger.steps import OPENING, Parties, legs
from store.clock import database_now
from store.open_objects import open_object_of
from store.payments import lock_closing
from store.requests import ObjectClaim, claim_object
from store.tables.merchants import Merchant

_OF_BODY = {"owner", "currency", "metadata"}


async def opened_account(
    services: Services, caller: Caller, *, body: AccountBody, key: str | None
) -> tuple[AccountObject, bool]:
    """The owner's account in that currency, and whether it existed; AlreadyExists with another opening balance.

    An opening balance, another merchant's name, and the merchant's own account only come from the operator.
    """
    merchant_id = _merchant_of(caller, body)
    account_id = _account_id(merchant_id, body)
    async with services.database.transaction("account.open", account_id) as session:
        if await session.get(Merchant, merchant_id) is None:
            raise NotFound("there is no such merchant")
        await claim_object(session, ObjectClaim(merchant_id, "accounts", request_hash(body), account_id, key))
        try:
            replayed, funded = await _open(session, merchant_id, account_id, body)
        except LedgerConflict as conflict:
            raise AlreadyExists("the owner has an account in this currency, with other fields") from conflict
        if funded or not replayed:
            await note(session, caller, "account.open", account_id, after=body.model_dump(mode="json"))
        account = await shown(session, account_id)
    return account, replayed


def _account_id(merchant_id: str, body: AccountBody) -> AccountId:
    """One id for one owner, currency and merchant, so that opening twice opens once."""
    if body.kind != "wallet":
        return system_account_id(AccountKind(body.kind), merchant_id, body.currency)
    named = orjson.dumps((merchant_id, body.kind, body.owner, body.currency))
    return AccountId("acc_" + base64.b32encode(hashlib.sha256(named).digest()).decode().lower()[:26])


async def act_on_account(
    services: Services, caller: Caller, *, account_id: str, action: str, reason: str
) -> AccountObject:
    """Blocked, unblocked or closed, with the operator's reason kept beside it."""
    async with services.database.transaction(f"account.{action}", account_id) as session:
        await require_own(session, caller, account_id)
        match action:
            case "block":
                await book.block_account(session, AccountId(account_id), reason)
            case "unblock":
                await book.unblock_account(session, AccountId(account_id))
            case _:
                await _close(session, account_id)
        await note(session, caller, f"account.{action}", account_id, reason=reason)
        return await shown(session, account_id)


async def _close(session: AsyncSession, account_id: str) -> None:
    await lock_closing(session, account_id)
    if (running := await open_object_of(session, account_id)) is not None:
        raise AccountNotEmpty(f"{running} has not ended")
    await book.close_account(session, AccountId(account_id))


def _merchant_of(caller: Caller, body: AccountBody) -> str:
    if caller.merchant_id is None:
        if body.merchant_id is None:
            raise InvalidRequest(fields={"merchant_id": "the operator names the merchant"})
        if body.kind != "wallet" and body.owner != body.merchant_id:
            raise InvalidRequest(fields={"owner": "the merchant owns this kind of account"})
        return body.merchant_id
    if body.kind != "wallet":
        raise InvalidRequest(fields={"kind": "only an operator may open this kind of account"})
    if body.opening_balance_minor is not None or body.merchant_id not in {None, caller.merchant_id}:
        raise InvalidRequest(fields={"opening_balance_minor": "only an operator may set this, or another merchant_id"})
    return caller.merchant_id


async def _open(session: AsyncSession, merchant_id: str, account_id: AccountId, body: AccountBody) -> tuple[bool, bool]:
    """Whether the account existed, and whether this call gave it its opening balance."""
    kind = AccountKind(body.kind)
    account = OpenAccount(id=account_id, kind=kind, merchant_id=merchant_id, **body.model_dump(include=_OF_BODY))
    outcome = await book.open_account(session, account)
    replayed = outcome is OpenOutcome.REPLAY
    if body.opening_balance_minor is None:
        return replayed, False
    parties = Parties(
        currency=body.currency,
        object_id=account_id,
        merchant_id=merchant_id,
        target_id=account_id,
        target_kind=kind,
    )
    opening = legs(OPENING, {"opening_minor": body.opening_balance_minor}, parties)
    key = StepKey(biz_type="account", biz_id=account_id, step=OPENING.name)
    posted = await post(
        session, key, PostRequest(merchant_id=merchant_id, event_at=await database_now(session), legs=opening)
    )
    return replayed, not posted.replayed
