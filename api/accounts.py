"""Accounts: open, read, statement; blocked, unblocked and closed by an operator."""

from typing import Annotated, Any

from fastapi import Query, Response

from api.account_csv import statement_csv
from api.account_reading import (
    AccountQuery,
    BalanceQuery,
    DaysQuery,
    StatementQuery,
    account_now,
    balance_then,
    list_of,
    read_statement,
)
from api.account_rows import act_on_account, opened_account
from api.answers import Page, answer
from api.auth import AnyCaller, OperatorCaller
from api.documentation import FOR_A_KEY, problems
from api.fields import IdInPath
from api.idempotency import REPLAYED, IdempotencyKey
from api.json_bodies import JsonRouter
from api.services import FromServices
from api.setup_bodies import AccountBody, ReasonBody
from domain.errors import AccountClosed, AccountNotEmpty, AlreadyExists, NotFound, UnknownAccount
from domain.resources import AccountObject, BalanceObject, StatementItem

IN_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}

router = JsonRouter(prefix="/v1/accounts", tag="accounts")


@router.post("", status_code=201, response_model=AccountObject, responses=problems(*FOR_A_KEY, AlreadyExists, NotFound))
async def open_account(body: AccountBody, caller: AnyCaller, key: IdempotencyKey, services: FromServices) -> Response:
    """Open an account, or get the one that this owner has in this currency."""
    account, replayed = await opened_account(services, caller, body=body, key=key)
    return answer(account, 201, REPLAYED if replayed else None)


@router.get("", response_model=Page[AccountObject], responses=problems(NotFound))
async def list_accounts(caller: AnyCaller, services: FromServices, query: Annotated[AccountQuery, Query()]) -> Response:
    """List a merchant's accounts: its payers' wallets and its own, in the order of their ids."""
    return await list_of(services, caller, query)


@router.get("/{account_id}", response_model=AccountObject, responses=problems(UnknownAccount))
async def get_account(account_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read an account with whatever was posted to it."""
    return answer(await account_now(services, caller, account_id))


@router.get("/{account_id}/balance", response_model=BalanceObject, responses=problems(UnknownAccount))
async def get_balance(
    account_id: IdInPath, caller: AnyCaller, services: FromServices, query: Annotated[BalanceQuery, Query()]
) -> Response:
    """Read what an account held at a moment, or at the end of a day of the book."""
    return answer(await balance_then(services, caller, account_id, query))


@router.get("/{account_id}/statement", response_model=Page[StatementItem], responses=problems(UnknownAccount))
async def get_statement(
    account_id: IdInPath, caller: AnyCaller, services: FromServices, query: Annotated[StatementQuery, Query()]
) -> Response:
    """List an account's entries, newest first, each with the balance after it."""
    return await read_statement(services, caller, account_id, query)


@router.get("/{account_id}/statement.csv", response_class=Response, responses=problems(UnknownAccount) | IN_CSV)
async def export_statement(
    account_id: IdInPath, caller: AnyCaller, services: FromServices, query: Annotated[DaysQuery, Query()]
) -> Response:
    """Export an account's entries of some days of the book as CSV, newest first."""
    return await statement_csv(services, caller, account_id, query)


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
