"""Accounts: open, read, statement; blocked, unblocked and closed by an operator."""

from typing import Annotated

from fastapi import Query, Response

from api.account_rows import account_now, act_on_account, open_wallet, read_statement
from api.answers import Page, PageQuery, answer
from api.auth import AnyCaller, OperatorCaller
from api.documentation import FOR_A_KEY, problems
from api.fields import IdInPath
from api.idempotency import REPLAYED, IdempotencyKey
from api.json_bodies import JsonRouter
from api.services import FromServices
from api.setup_bodies import AccountBody, ReasonBody
from domain.errors import AccountClosed, AccountNotEmpty, AlreadyExists, NotFound, UnknownAccount
from domain.resources import AccountObject, StatementItem

router = JsonRouter(prefix="/v1/accounts", tag="accounts")


@router.post("", status_code=201, response_model=AccountObject, responses=problems(*FOR_A_KEY, AlreadyExists, NotFound))
async def open_account(body: AccountBody, caller: AnyCaller, key: IdempotencyKey, services: FromServices) -> Response:
    """Open a payer's wallet, or get the one that this owner has in this currency."""
    account, replayed = await open_wallet(services, caller, body=body, key=key)
    return answer(account, 201, REPLAYED if replayed else None)


@router.get("/{account_id}", response_model=AccountObject, responses=problems(UnknownAccount))
async def get_account(account_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read an account with whatever was posted to it."""
    return answer(await account_now(services, caller, account_id))


@router.get("/{account_id}/statement", response_model=Page[StatementItem], responses=problems(UnknownAccount))
async def get_statement(
    account_id: IdInPath, caller: AnyCaller, services: FromServices, query: Annotated[PageQuery, Query()]
) -> Response:
    """List an account's entries, newest first, each with the balance after it."""
    return await read_statement(services, caller, account_id=account_id, query=query)


@router.post("/{account_id}/block", response_model=AccountObject, responses=problems(UnknownAccount))
async def block_account(
    account_id: IdInPath, body: ReasonBody, caller: OperatorCaller, services: FromServices
) -> Response:
    """Refuse new holds and debits; credits and confirms of earlier holds pass."""
    return answer(await act_on_account(services, caller, account_id=account_id, action="block", reason=body.reason))


@router.post("/{account_id}/unblock", response_model=AccountObject, responses=problems(UnknownAccount))
async def unblock_account(
    account_id: IdInPath, body: ReasonBody, caller: OperatorCaller, services: FromServices
) -> Response:
    """Take holds and debits again."""
    return answer(await act_on_account(services, caller, account_id=account_id, action="unblock", reason=body.reason))


@router.post(
    "/{account_id}/close",
    response_model=AccountObject,
    responses=problems(UnknownAccount, AccountNotEmpty, AccountClosed),
)
async def close_account(
    account_id: IdInPath, body: ReasonBody, caller: OperatorCaller, services: FromServices
) -> Response:
    """Close an empty account for good."""
    return answer(await act_on_account(services, caller, account_id=account_id, action="close", reason=body.reason))
