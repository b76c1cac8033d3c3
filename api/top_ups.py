"""Top-ups: a payer puts money into a wallet. Start, read, look up, close, switch, and see the saga."""

from typing import Annotated

from fastapi import Query, Response

from api.answers import Page, answer, page
from api.audit_rows import note_first
from api.auth import AnyCaller, Caller, MerchantCaller
from api.bodies import SwitchBody, TopUpBody
from api.documentation import FOR_A_SWITCH, FOR_A_TOP_UP, problems
from api.fields import IdInPath
from api.idempotency import REPLAYED, IdempotencyKey
from api.json_bodies import JsonRouter
from api.payment_changes import close_payment, switch_payment
from api.payment_search import TopUpQuery
from api.saga import saga_of
from api.services import FromServices
from api.top_up_start import AskedTopUp, open_top_up
from domain.commands import SagaView
from domain.errors import NotFound, PaymentAlreadyPaid
from domain.objects import TopUpObject, render_top_up
from domain.states import Purpose
from store.reading import PaymentName, payment_snapshot, payment_snapshots

router = JsonRouter(prefix="/v1/top_ups", tag="top-ups")


@router.post("", status_code=201, response_model=TopUpObject, responses=problems(*FOR_A_TOP_UP))
async def start_top_up(
    body: TopUpBody, merchant_id: MerchantCaller, key: IdempotencyKey, services: FromServices
) -> Response:
    """Start a top-up, or get the one that the same call started before.

    Answers within eight seconds with what the payer needs. A refusal by a rule, limit or channel is an object with
    `state: failed`. A 503 left nothing half-done: repeat the call.
    """
    top_up, replayed = await open_top_up(services, AskedTopUp(merchant_id=merchant_id, body=body, key=key))
    return answer(top_up, 201, REPLAYED if replayed else None)


@router.get("", response_model=Page[TopUpObject], responses=problems())
async def list_top_ups(caller: AnyCaller, services: FromServices, query: Annotated[TopUpQuery, Query()]) -> Response:
    """Find top-ups, newest first, by any of the three numbers, by wallet, by state or by time."""
    async with services.database.reading() as session:
        snapshots = await payment_snapshots(session, query.of(caller.merchant_id), limit=query.limit)
    top_ups = [render_top_up(snapshot, with_pay=True) for snapshot in snapshots]
    return page(top_ups, query.limit, top_ups[-1].id if top_ups else None)


@router.get("/{top_up_id}", response_model=TopUpObject, responses=problems(NotFound))
async def get_top_up(top_up_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Read a top-up."""
    async with services.database.reading() as session:
        snapshot = await payment_snapshot(session, _named(top_up_id, caller))
    if snapshot is None:
        raise NotFound("there is no such top-up")
    return answer(render_top_up(snapshot, with_pay=True))


@router.get("/{top_up_id}/saga", response_model=SagaView, responses=problems(NotFound))
async def get_top_up_saga(top_up_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """See the steps, branches and attempts as the workflow tells them, and what it waits for."""
    return answer(await saga_of(services, _named(top_up_id, caller)))


@router.post("/{top_up_id}/close", response_model=TopUpObject, responses=problems(NotFound, PaymentAlreadyPaid))
async def close_a_top_up(top_up_id: IdInPath, caller: AnyCaller, services: FromServices) -> Response:
    """Close a top-up that nobody paid; answers `closing` until the channel has proven that nobody can."""
    await note_first(services, caller, "top_up.close", top_up_id)
    return answer(await close_payment(services, _named(top_up_id, caller)))


@router.post("/{top_up_id}/switch", response_model=TopUpObject, responses=problems(*FOR_A_SWITCH))
async def switch_top_up_channel(
    top_up_id: IdInPath, body: SwitchBody, caller: AnyCaller, key: IdempotencyKey, services: FromServices
) -> Response:
    """Collect by another channel, once the previous attempt is proven unpayable."""
    await note_first(services, caller, "top_up.switch", top_up_id)
    return answer(await switch_payment(services, _named(top_up_id, caller), body=body, key=key))


def _named(top_up_id: str, caller: Caller) -> PaymentName:
    return PaymentName(top_up_id, caller.merchant_id, Purpose.TOP_UP)
