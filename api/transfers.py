"""Transfers between accounts: make, read, look up."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from api.answers import Page, PageQuery, answer, page
from api.auth import AnyCaller
from api.documentation import FOR_A_KEY, problems
from api.fields import IdInPath
from api.idempotency import REPLAYED, IdempotencyKey
from api.json_bodies import JsonRouter
from api.outgoing_bodies import TransferBody
from api.payment_search import Number
from api.services import FromServices
from api.transfer_start import start_transfer
from domain.errors import (
    AccountBlocked,
    AccountClosed,
    AmountAboveMaximum,
    AmountBelowMinimum,
    BalanceInsufficient,
    CurrencyMismatch,
    DailyLimitExceeded,
    FeeAboveAmount,
    IdempotencyInProgress,
    NotFound,
    NumberTaken,
    ToolNotAllowed,
    TransferToSelf,
    UnknownAccount,
)
from domain.outgoing_objects import TransferObject, render_transfer
from store.transfers import TransferFilter, snapshot, snapshots

router = JsonRouter(prefix="/v1/transfers", tag="transfers")

FOR_A_TRANSFER = (
    *FOR_A_KEY,
    *(IdempotencyInProgress, NumberTaken, TransferToSelf, UnknownAccount, CurrencyMismatch),
    *(AmountBelowMinimum, AmountAboveMaximum, ToolNotAllowed, DailyLimitExceeded, FeeAboveAmount),
    *(BalanceInsufficient, AccountBlocked, AccountClosed),
)


class TransferQuery(PageQuery):
    """What is left out does not matter."""

    transfer_no: Number | None = Field(None, description="The business's number.")
    from_account_id: Number | None = None
    to_account_id: Number | None = None


@router.post("", status_code=201, response_model=TransferObject, responses=problems(*FOR_A_TRANSFER))
async def make_transfer(body: TransferBody, caller: AnyCaller, key: IdempotencyKey, services: FromServices) -> Response:
    """Move money between two accounts of one merchant; it has arrived when this answers.

    An operator may also name accounts of two merchants. What is refused never was, and leaves its number free.
    """
    started = await start_transfer(services, caller, body=body, key=key)
    return answer(started.transfer, 201, REPLAYED if started.replayed else None)


@router.get("", response_model=Page[TransferObject], responses=problems())
async def list_transfers(
    caller: AnyCaller, services: FromServices, query: Annotated[TransferQuery, Query()]
) -> Response:
    """Find transfers, newest first."""
    wanted = TransferFilter(merchant_id=caller.merchant_id, **query.model_dump(exclude={"limit"}))
    async with services.database.reading() as session:
        transfers = [render_transfer(found) for found in await snapshots(session, wanted, limit=query.limit)]
    return page(transfers, query.limit, transfers[-1].id if transfers else None)


@router.get("/{transfer_id}", response_model=TransferObject, responses=problems(NotFound))
async def get_transfer(transfer_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read a transfer."""
    async with services.database.reading() as session:
        found = await snapshot(session, transfer_id)
    transfer = None if found is None else render_transfer(found)
    if transfer is None or caller.merchant_id not in {None, transfer.merchant_id}:
        raise NotFound("there is no such transfer")
    return answer(transfer)
