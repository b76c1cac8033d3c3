"""Payouts: start, read, look up, and decide about those that await an approval."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from api.answers import Page, PageQuery, answer, page
from api.approvals import decide, decision_of, require_decided
from api.audit_rows import note
from api.auth import AnyCaller, MerchantCaller, OperatorCaller
from api.documentation import FOR_A_KEY, problems
from api.fields import IdInPath
from api.idempotency import REPLAYED, IdempotencyKey
from api.json_bodies import JsonRouter
from api.outgoing_bodies import DecisionBody, PayoutBody
from api.payment_search import Number
from api.payout_start import AskedPayout, start_payout
from api.services import FromServices, Services
from domain.errors import (
    AccountBlocked,
    AccountClosed,
    AmountAboveMaximum,
    AmountBelowMinimum,
    BalanceInsufficient,
    ChannelNotConfigured,
    CurrencyMismatch,
    DailyLimitExceeded,
    FeeAboveAmount,
    IdempotencyInProgress,
    MerchantHasDebt,
    NotAwaitingApproval,
    NotFound,
    NumberTaken,
    ToolNotAllowed,
    UnknownAccount,
)
from domain.outgoing_objects import PayoutObject, render_payout
from domain.outgoing_orders import Destination, PayoutRequest
from domain.states import PayoutState
from store.payouts import PayoutFilter, snapshot, snapshots
from workflows.payout import PayoutWorkflow

router = JsonRouter(prefix="/v1/payouts", tag="payouts")

FOR_A_PAYOUT = (
    *FOR_A_KEY,
    *(IdempotencyInProgress, NumberTaken, UnknownAccount, ChannelNotConfigured, CurrencyMismatch),
    *(AmountBelowMinimum, AmountAboveMaximum, ToolNotAllowed, DailyLimitExceeded, FeeAboveAmount),
    *(BalanceInsufficient, AccountBlocked, AccountClosed, MerchantHasDebt),
)


class PayoutQuery(PageQuery):
    """What is left out does not matter."""

    payout_no: Number | None = Field(None, description="The business's number.")
    account_id: Number | None = None
    state: PayoutState | None = None


@router.post("", status_code=201, response_model=PayoutObject, responses=problems(*FOR_A_PAYOUT))
async def make_payout(
    body: PayoutBody, merchant_id: MerchantCaller, key: IdempotencyKey, services: FromServices
) -> Response:
    """Pay money out to somebody's account at a channel, or get the payout that the same call made before.

    The money is held when this answers; how it ended is told by an event. What is refused here never was, holds
    nothing, and leaves its number free.
    """
    asked = AskedPayout(merchant_id=merchant_id, request=_request(body), body=body, key=key)
    started = await start_payout(services, asked)
    return answer(started.payout, 201, REPLAYED if started.replayed else None)


@router.get("", response_model=Page[PayoutObject], responses=problems())
async def list_payouts(caller: AnyCaller, services: FromServices, query: Annotated[PayoutQuery, Query()]) -> Response:
    """Find payouts, newest first."""
    wanted = PayoutFilter(merchant_id=caller.merchant_id, **query.model_dump(exclude={"limit"}))
    async with services.database.reading() as session:
        payouts = [render_payout(found) for found in await snapshots(session, wanted, limit=query.limit)]
    return page(payouts, query.limit, payouts[-1].id if payouts else None)


@router.get("/{payout_id}", response_model=PayoutObject, responses=problems(NotFound))
async def get_payout(payout_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read a payout; of the payee's account only the end is shown."""
    return answer(await _require(services, payout_id, caller.merchant_id))


@router.post("/{payout_id}/decision", response_model=PayoutObject, responses=problems(NotFound, NotAwaitingApproval))
async def decide_payout(
    payout_id: IdInPath, body: DecisionBody, caller: OperatorCaller, services: FromServices
) -> Response:
    """Approve a payout that is above the merchant's limit, or reject it with a reason."""
    command = decision_of(payout_id, body)
    await _require(services, payout_id, None)
    async with services.database.transaction("audit.note", payout_id) as session:
        await note(session, caller, f"payout.{body.decision}", payout_id, reason=body.reason)
    heard = await decide(services, PayoutWorkflow.decide, command)
    decided = await _require(services, payout_id, None)
    state = None if decided.approval is None else decided.approval.state
    require_decided(state, command, heard=heard)
    return answer(decided)


def _request(body: PayoutBody) -> PayoutRequest:
    payee = Destination(account=body.destination.account, name=body.destination.name)
    asked = body.model_dump(exclude={"destination"})
    return PayoutRequest(**asked, channel=body.destination.channel, destination=payee)


async def _require(services: Services, payout_id: str, merchant_id: str | None) -> PayoutObject:
    async with services.database.reading() as session:
        found = await snapshot(session, payout_id)
    payout = None if found is None else render_payout(found)
    if payout is None or merchant_id not in {None, payout.merchant_id}:
        raise NotFound("there is no such payout")
    return payout
