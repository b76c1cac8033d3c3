"""Payments: start, read, look up, close, switch, and see the saga."""

from typing import Annotated

from fastapi import Query, Response

from api.answers import Page, answer, page
from api.audit_rows import note_first
from api.auth import AnyCaller, MerchantCaller
from api.bodies import PaymentBody, SwitchBody
from api.documentation import FOR_A_PAYMENT, FOR_A_SWITCH, problems
from api.fields import IdInPath
from api.idempotency import REPLAYED, IdempotencyKey
from api.json_bodies import JsonRouter
from api.payment_changes import close_payment, switch_payment
from api.payment_search import PaymentQuery
from api.payment_start import Asked, open_payment
from api.saga import saga_of
from api.services import FromServices
from domain.commands import SagaView
from domain.errors import NotFound, PaymentAlreadyPaid
from domain.objects import PaymentObject, render_payment
from store.reading import PaymentName, payment_snapshot, payment_snapshots

router = JsonRouter(prefix="/v1/payments", tag="payments")


@router.post("", status_code=201, response_model=PaymentObject, responses=problems(*FOR_A_PAYMENT))
async def start_payment(
    body: PaymentBody, merchant_id: MerchantCaller, key: IdempotencyKey, services: FromServices
) -> Response:
    """Start a payment, or get the one that the same call started before.

    Answers within eight seconds with what the payer needs. A refusal by stock, balance, risk or channel is an object
    with `state: failed`. A 503 left nothing half-done: repeat the call.
    """
    opened = await open_payment(services, Asked(merchant_id=merchant_id, body=body, key=key))
    return answer(opened.payment, 201, REPLAYED if opened.replayed else None)


@router.get("", response_model=Page[PaymentObject], responses=problems())
async def list_payments(caller: AnyCaller, services: FromServices, query: Annotated[PaymentQuery, Query()]) -> Response:
    """Find payments, newest first, by any of the three numbers, by state or by time."""
    async with services.database.reading() as session:
        snapshots = await payment_snapshots(session, query.of(caller.merchant_id), limit=query.limit)
    payments = [render_payment(snapshot, with_pay=True) for snapshot in snapshots]
    return page(payments, query.limit, payments[-1].id if payments else None)


@router.get("/{payment_id}", response_model=PaymentObject, responses=problems(NotFound))
async def get_payment(payment_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read a payment."""
    async with services.database.reading() as session:
        snapshot = await payment_snapshot(session, PaymentName(payment_id, caller.merchant_id))
    if snapshot is None:
        raise NotFound("there is no such payment")
    return answer(render_payment(snapshot, with_pay=True))


@router.get("/{payment_id}/saga", response_model=SagaView, responses=problems(NotFound))
async def get_saga(payment_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """See the steps, branches and attempts as the workflow tells them, and what it waits for."""
    return answer(await saga_of(services, PaymentName(payment_id, caller.merchant_id)))


@router.post("/{payment_id}/close", response_model=PaymentObject, responses=problems(NotFound, PaymentAlreadyPaid))
async def close_a_payment(payment_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Close a payment that nobody paid; answers `closing` until the channel has proven that nobody can."""
    await note_first(services, caller, "payment.close", payment_id)
    return answer(await close_payment(services, PaymentName(payment_id, caller.merchant_id)))


@router.post(
    "/{payment_id}/switch",
    response_model=PaymentObject,
    responses=problems(*FOR_A_SWITCH),
)
async def switch_channel(
    payment_id: IdInPath, body: SwitchBody, caller: AnyCaller, key: IdempotencyKey, services: FromServices
) -> Response:
    """Collect by another channel, once the previous attempt is proven unpayable."""
    await note_first(services, caller, "payment.switch", payment_id)
    return answer(await switch_payment(services, PaymentName(payment_id, caller.merchant_id), body=body, key=key))
