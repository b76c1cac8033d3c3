"""What a business can change about a running payment or top-up: close it, or collect it another way."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import structlog
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.bodies import SwitchBody
from api.idempotency import request_hash
from api.routing import Wanted, route
from api.services import Services
from domain.commands import PaymentAnswer, SwitchCommand
from domain.errors import BY_CODE, BusinessError, NotFound, PaymentAlreadyPaid, PaymentEnded, Unavailable
from domain.money import Money
from domain.objects import PaymentObject, TopUpObject, render_collected
from domain.states import PaymentState, Purpose
from store.reading import PaymentName, Snapshot, payment_snapshot
from workflows.collecting import Collecting

Shown = PaymentObject | TopUpObject

CHANGE_LIMIT_S = 8
CLOSE_UPDATE_ID = "close"

_log = structlog.get_logger("payments")


async def close_payment(services: Services, named: PaymentName) -> Shown:
    """The payment is closing or closed, or failed as it already was; PaymentAlreadyPaid when the money was faster."""
    state = PaymentState((await _require(services, named))["payment"]["state"])
    if state in {PaymentState.SUCCEEDED, PaymentState.CONFIRMING}:
        raise PaymentAlreadyPaid
    if not state.terminal:
        payment = await _workflow(services, named.payment_id)
        await _answered(payment.execute_update(Collecting.close, id=CLOSE_UPDATE_ID))
    closed = await _now(services, named, unless=PaymentState.SUCCEEDED)
    if closed.state is not PaymentState.CLOSING and not closed.state.terminal:
        raise Unavailable("the payment's workflow is away; the same call closes it later")
    return closed


async def switch_payment(services: Services, named: PaymentName, *, body: SwitchBody, key: str | None) -> Shown:
    """Another attempt has begun; SwitchUnsafe while the previous one may still be paid (law 10)."""
    row = (await _require(services, named))["payment"]
    state = PaymentState(row["state"])
    if state in {PaymentState.SUCCEEDED, PaymentState.CONFIRMING}:
        raise PaymentAlreadyPaid
    if state.terminal:
        raise PaymentEnded
    money = Money(amount_minor=row["channel_minor"], currency=row["currency"])
    wanted = Wanted(money, body.invoke, body.channel, reaches_us=named.purpose is Purpose.TOP_UP)
    await route(services, row["merchant_id"], wanted)
    payment = await _workflow(services, named.payment_id)
    before = await _now(services, named)
    command = SwitchCommand(channel=body.channel, invoke=body.invoke, replaces=before.out_no)
    update_id = f"switch-{key or request_hash(body) + str(row['version'])}"
    heard = await _answered(payment.execute_update(Collecting.switch, command, id=update_id))
    switched = await _now(services, named)
    if not heard and len(switched.attempts) == len(before.attempts):
        raise Unavailable("the payment's workflow is away; the same call switches it later")
    return switched


async def _workflow(services: Services, payment_id: str) -> WorkflowHandle[Any, Any]:
    return (await services.temporal.client()).get_workflow_handle(payment_id)


async def _answered(update: Awaitable[PaymentAnswer]) -> bool:
    """True when the workflow answered, False when there is none; its refusals and an outage arrive as our errors."""
    try:
        async with asyncio.timeout(CHANGE_LIMIT_S):
            await update
            return True
    except WorkflowUpdateFailedError as refused:
        if problem := _refusal(refused):
            raise problem from refused
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as late:
        raise Unavailable("the payment's workflow did not answer in time") from late
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise Unavailable("Temporal does not answer") from error
        _log.info("payment_ended_already")
    return False


def _refusal(failed: WorkflowUpdateFailedError) -> BusinessError | None:
    """The problem that the workflow named; None when it ended before it could answer."""
    cause = failed.cause
    kind = BY_CODE.get(cause.type or "") if isinstance(cause, ApplicationError) else None
    return kind() if kind else None


async def _now(services: Services, named: PaymentName, *, unless: PaymentState | None = None) -> Shown:
    payment = render_collected(await _require(services, named), with_pay=True)
    if payment.state is unless:
        raise PaymentAlreadyPaid
    return payment


async def _require(services: Services, named: PaymentName) -> Snapshot:
    async with services.database.reading() as session:
        snapshot = await payment_snapshot(session, named)
    if snapshot is None:
        raise NotFound(f"there is no such {named.purpose.in_words}")
    return snapshot
