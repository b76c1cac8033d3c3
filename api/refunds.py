"""Refunds: start, read, look up, and an operator's decision where one is due."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field
from sqlmodel import col, select

from api.answers import Page, PageQuery, answer, page
from api.auth import AnyCaller, MerchantCaller, OperatorCaller
from api.documentation import FOR_A_KEY, problems
from api.fields import IdInPath
from api.idempotency import REPLAYED, IdempotencyKey
from api.json_bodies import JsonRouter
from api.outgoing_bodies import DecisionBody
from api.payment_search import Number
from api.refund_bodies import RefundBody
from api.refund_start import decide_refund, open_refund, require_refund, show_refund
from api.services import FromServices
from domain.errors import (
    AccountClosed,
    AmountAboveMaximum,
    AmountBelowMinimum,
    CurrencyMismatch,
    DailyLimitExceeded,
    IdempotencyInProgress,
    MerchantFundsInsufficient,
    NotAwaitingApproval,
    NotFound,
    NumberTaken,
    PaymentNotRefundable,
    RefundAboveRefundable,
    ToolNotAllowed,
)
from domain.refund_objects import RefundObject
from domain.states import RefundState
from store.tables.refunds import Refund

router = JsonRouter(prefix="/v1/refunds", tag="refunds")

FOR_A_REFUND = (
    *FOR_A_KEY,
    IdempotencyInProgress,
    NotFound,
    PaymentNotRefundable,
    RefundAboveRefundable,
    CurrencyMismatch,
    MerchantFundsInsufficient,
    NumberTaken,
    AccountClosed,
    AmountBelowMinimum,
    AmountAboveMaximum,
    DailyLimitExceeded,
    ToolNotAllowed,
)


class RefundQuery(PageQuery):
    """What is left out does not matter."""

    payment_id: Number | None = None
    refund_no: Number | None = Field(None, description="The business's number.")
    state: RefundState | None = None


@router.post("", status_code=201, response_model=RefundObject, responses=problems(*FOR_A_REFUND))
async def start_refund(
    body: RefundBody, merchant_id: MerchantCaller, key: IdempotencyKey, services: FromServices
) -> Response:
    """Give some or all of a paid payment back, or get the refund that the same call started before.

    The refund is under way when this answers, and its money is held; the event or a GET tells how it ended. A refusal
    leaves nothing behind, and the number free. A 503 left nothing half-done: repeat the call.
    """
    opened = await open_refund(services, merchant_id, body=body, key=key)
    return answer(opened.refund, 201, REPLAYED if opened.replayed else None)


@router.get("", response_model=Page[RefundObject], responses=problems())
async def list_refunds(caller: AnyCaller, services: FromServices, query: Annotated[RefundQuery, Query()]) -> Response:
    """Find refunds, newest first."""
    asked = {**query.model_dump(exclude={"limit", "after"}), "merchant_id": caller.merchant_id}
    wanted = select(Refund).order_by(col(Refund.id).desc()).limit(query.limit)
    for name, value in asked.items():
        wanted = wanted if value is None else wanted.where(getattr(Refund, name) == value)
    if query.after is not None:
        wanted = wanted.where(col(Refund.id) < query.after)
    async with services.database.reading() as session:
        refunds = [show_refund(row) for row in (await session.scalars(wanted)).all()]
    return page(refunds, query.limit, refunds[-1].id if refunds else None)


@router.get("/{refund_id}", response_model=RefundObject, responses=problems(NotFound))
async def get_refund(refund_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read a refund."""
    return answer(await require_refund(services, refund_id, caller.merchant_id))


@router.post("/{refund_id}/decision", response_model=RefundObject, responses=problems(NotFound, NotAwaitingApproval))
async def decide_a_refund(
    refund_id: IdInPath, body: DecisionBody, caller: OperatorCaller, services: FromServices
) -> Response:
    """Approve or reject a refund above the merchant's limit; nothing is sent before it is approved."""
    return answer(await decide_refund(services, caller, refund_id=refund_id, body=body))
