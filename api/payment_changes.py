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
from domain.errors import (
    BY_CODE,
    BusinessError,
    IdempotencyKeyReused,
    NotFound,
    PaymentAlreadyPaid,
    PaymentEnded,
    SwitchUnsafe,
    Unavailable,
)
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
    """Another attempt has begun; SwitchUnsafe while the previous one may still be paid (law 10).

    SwitchUnsafe also for the later of two that wanted to replace the same attempt, and not by the same.
    """
    row = (await _require(services, named))["payment"]
    state = PaymentState(row["state"])
    if state in {PaymentState.SUCCEEDED, PaymentState.CONFIRMING}:
        raise PaymentAlreadyPaid
    if state.terminal:
        raise PaymentEnded
    money = Money(amount_minor=row["channel_minor"], currency=row["currency"])
    wanted = Wanted(money, body.invoke, body.channel, reaches_us=named.purpose is Purpose.TOP_UP)
    await route(services, row["merchant_id"], wanted)
    before = await _now(services, named)
    payment = await _workflow(services, named.payment_id)
    command = SwitchCommand(channel=body.channel, invoke=body.invoke, replaces=before.out_no)
    update_id = f"switch-{key or request_hash(body) + str(row['version'])}"
    heard = await _answered(payment.execute_update(Collecting.switch, command, id=update_id))
    rows = await _require(services, named)
    if not heard and len(rows["attempts"]) == len(before.attempts):
        raise Unavailable("the payment's workflow is away; the same call switches it later")
    _require_asked_for(rows, command)
    return _shown(rows)


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
    payment = _shown(await _require(services, named))
    if payment.state is unless:
        raise PaymentAlreadyPaid
    return payment


def _shown(rows: Snapshot) -> Shown:
    return render_collected(rows, with_pay=True)


def _require_asked_for(rows: Snapshot, asked: SwitchCommand) -> None:
    """The workflow answers a repeat with what stands; it may have been another request that replaced the attempt.

    SwitchUnsafe then. Where nothing replaced it, the key was that of an earlier switch: IdempotencyKeyReused, unless
    that one asked for the same.
    """
    attempts = sorted(rows["attempts"], key=lambda attempt: int(attempt["number"]))
    stands = [attempt for attempt in attempts if attempt["out_no"] == asked.replaces]
    successor = next((attempt for attempt in attempts if stands and attempt["number"] > stands[0]["number"]), None)
    if not stands or _way(successor or stands[0]) == (asked.channel, asked.invoke):
        return
    if successor is None:
        raise IdempotencyKeyReused
    raise SwitchUnsafe("another request was faster, and has chosen another way to pay")


def _way(attempt: Snapshot) -> tuple[str, str]:
    return attempt["channel"], attempt["invoke"]


async def _require(services: Services, named: PaymentName) -> Snapshot:
    async with services.database.reading() as session:
        snapshot = await payment_snapshot(session, named)
    if snapshot is None:
        raise NotFound(f"there is no such {named.purpose.in_words}")
    return snapshot
