"""Suspense items: read, and end them by hand."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from api.answers import Page, PageQuery, answer, page
from api.audit_rows import note_first
from api.auth import AnyCaller, OperatorCaller
from api.documentation import problems
from api.fields import IdInPath, Token
from api.idempotency import REPLAYED
from api.json_bodies import JsonRouter
from api.services import FromServices, Services
from api.suspense_bodies import ResolutionBody
from api.suspense_resolution import resolve
from domain.errors import (
    AccountClosed,
    ChannelNotConfigured,
    CurrencyMismatch,
    IdempotencyInProgress,
    ItemEnded,
    NotFound,
    NumberTaken,
    PaymentNotRefundable,
    UnknownAccount,
)
from domain.states import ItemState
from domain.suspense_objects import SuspenseItemObject
from store.suspense import ItemFilter, find, items

router = JsonRouter(prefix="/v1/suspense_items", tag="operations")

FOR_A_RESOLUTION = (
    *(NotFound, ItemEnded, IdempotencyInProgress, NumberTaken),
    *(PaymentNotRefundable, UnknownAccount, AccountClosed, CurrencyMismatch, ChannelNotConfigured),
)


class ItemQuery(PageQuery):
    """What is left out does not matter."""

    state: ItemState | None = None
    merchant_id: Token | None = Field(None, description="For operators: a merchant sees its own.")


@router.get("", response_model=Page[SuspenseItemObject], responses=problems())
async def list_suspense_items(
    caller: AnyCaller, services: FromServices, query: Annotated[ItemQuery, Query()]
) -> Response:
    """List money that came and cannot be placed, newest first."""
    wanted = ItemFilter(caller_id=caller.merchant_id, **query.model_dump(exclude={"limit"}))
    async with services.database.reading() as session:
        rows = await items(session, wanted, limit=query.limit)
    shown = [SuspenseItemObject.model_validate(row.model_dump()) for row in rows]
    return page(shown, query.limit, shown[-1].id if shown else None)


@router.get("/{item_id}", response_model=SuspenseItemObject, responses=problems(NotFound))
async def get_suspense_item(item_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read a suspense item: whose money it is about, who has to look at it, and how it ends."""
    return answer(await _require(services, item_id, caller.merchant_id))


@router.post("/{item_id}/resolve", response_model=SuspenseItemObject, responses=problems(*FOR_A_RESOLUTION))
async def resolve_suspense_item(
    item_id: IdInPath, body: ResolutionBody, caller: OperatorCaller, services: FromServices
) -> Response:
    """Give the item's whole amount back to the payer, into a wallet, or out to a payee.

    A wallet has it when this answers. A refund or payout is under way, and the item `ending`; if the channel refuses
    it, the item is open again, and may be resolved under a new number. A second resolution is 409 `item_ended`.
    """
    item = await _require(services, item_id, None)
    numbers = body.model_dump(include={"how", "refund_no", "payout_no", "account_id"})
    await note_first(services, caller, "suspense_item.resolve", item_id, after=numbers)
    replayed = await resolve(services, item, body)
    return answer(await _require(services, item_id, None), headers=REPLAYED if replayed else None)


async def _require(services: Services, item_id: str, merchant_id: str | None) -> SuspenseItemObject:
    async with services.database.reading() as session:
        row = await find(session, item_id)
    if row is None or merchant_id not in {None, row.merchant_id}:
        raise NotFound("there is no such suspense item")
    return SuspenseItemObject.model_validate(row.model_dump())
