"""From a POST to a running payment: claim first, then one call that starts the workflow and waits for its answer."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import WithStartWorkflowOperation
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from api.bodies import PaymentBody
from api.idempotency import request_hash
from api.routing import Wanted, route
from api.services import Services
from api.settling import check_shape, settle
from api.workflow_start import LATE, start_and_ask
from domain.commands import PaymentAnswer, PaymentCommand
from domain.errors import ChannelNotConfigured, IdempotencyInProgress, Unavailable
from domain.ids import new_payment_id
from domain.money import Money
from domain.objects import PaymentObject, render_payment
from domain.states import Invoke, PaymentState
from store.reading import Snapshot, payment_snapshot
from store.requests import Claimed, PaymentClaim, claim_payment, keep_request
from store.tables.merchants import ChannelAccountRow
from workflows.attributes import CHANNEL, MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO, PAYMENT_STATE
from workflows.payment import PaymentWorkflow

TASK_QUEUE = "saga"
TASK_TIMEOUT = timedelta(seconds=3)
UPDATE_ID = "pay"


@dataclass(frozen=True)
class Asked:
    """One POST: whose, what, and under which key."""

    merchant_id: str
    body: PaymentBody
    key: str | None


@dataclass(frozen=True)
class Opened:
    """The payment as it is now, and whether an earlier call made it."""

    payment: PaymentObject
    replayed: bool


async def open_payment(services: Services, asked: Asked) -> Opened:
    """The payment exists and runs; answered with what is known after at most eight seconds.

    Whatever is wrong with the request is raised before anything is started. Unavailable, or IdempotencyInProgress for
    a repeat, when the payment's row did not appear in time: its claim stands, and the same call later continues it.
    """
    check_shape(asked.body, services.guard)
    channel_account = await _route(services, asked)
    claimed = await _claim(services, asked, channel_account)
    structlog.contextvars.bind_contextvars(payment_id=claimed.payment_id)
    snapshot = await _read(services, claimed.payment_id) if claimed.opened else None
    if snapshot is None or snapshot["payment"]["state"] == PaymentState.PENDING:
        channel = channel_account.channel if isinstance(channel_account, ChannelAccountRow) else None
        missed = await _start(services, _operation(asked, claimed.payment_id, channel))
        snapshot = await _read(services, claimed.payment_id)
        if snapshot is None:
            late = claimed.replayed and isinstance(missed, LATE)
            raise IdempotencyInProgress if late else Unavailable("not opened yet; the same call continues it")
    return Opened(payment=render_payment(snapshot, with_pay=True), replayed=claimed.replayed)


async def _route(services: Services, asked: Asked) -> ChannelAccountRow | ChannelNotConfigured | None:
    """Outside the transaction; that none can do it only matters to a payment that is new."""
    body = asked.body
    channel_minor = body.amount_minor - body.balance_minor
    if not channel_minor:
        return None
    money = Money(amount_minor=channel_minor, currency=body.currency)
    try:
        return await route(services, asked.merchant_id, Wanted(money, body.invoke or Invoke.QR, body.channel))
    except ChannelNotConfigured as error:
        return error


async def _claim(
    services: Services, asked: Asked, channel_account: ChannelAccountRow | ChannelNotConfigured | None
) -> Claimed:
    """One transaction: the payment's numbers are claimed; a new one is settled and its request kept."""
    claim = PaymentClaim(
        merchant_id=asked.merchant_id,
        order_no=asked.body.order_no,
        request_hash=request_hash(asked.body),
        new_id=new_payment_id(),
        key=asked.key,
    )
    async with services.database.transaction("payment.claim", claim.new_id) as session:
        claimed = await claim_payment(session, claim)
        if not claimed.replayed:
            if isinstance(channel_account, ChannelNotConfigured):
                raise channel_account
            order = await settle(session, asked.merchant_id, asked.body, channel_account)
            await keep_request(session, claimed.payment_id, asked.merchant_id, order)
    return claimed


async def _start(
    services: Services, operation: WithStartWorkflowOperation[PaymentWorkflow, PaymentAnswer]
) -> Exception | None:
    """The workflow runs, and has answered if it could in time: what it knows is in the rows. Answers what failed."""
    _, missed = await start_and_ask(services, PaymentWorkflow.pay, update_id=UPDATE_ID, operation=operation)
    return missed


def _operation(
    asked: Asked, payment_id: str, channel: str | None
) -> WithStartWorkflowOperation[PaymentWorkflow, PaymentAnswer]:
    """A new one for each call; starting what runs joins it, starting what has ended does not start it again."""
    attributes: list[SearchAttributePair[Any]] = [
        SearchAttributePair(PAYMENT_STATE, PaymentState.PENDING.value),
        SearchAttributePair(MERCHANT_ID, asked.merchant_id),
        SearchAttributePair(ORDER_NO, asked.body.order_no),
        SearchAttributePair(CHANNEL, channel or "none"),
        SearchAttributePair(NEEDS_ATTENTION, False),
    ]
    return WithStartWorkflowOperation(
        PaymentWorkflow.run,
        PaymentCommand(payment_id=payment_id, merchant_id=asked.merchant_id),
        id=payment_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        search_attributes=TypedSearchAttributes(attributes),
        static_summary=_summary(asked.body, channel),
    )


def _summary(body: PaymentBody, channel: str | None) -> str:
    amount = Money(amount_minor=body.amount_minor, currency=body.currency).to_major_text()
    way = f"by {channel} {body.invoke or Invoke.QR}" if channel else "from the balance"
    return f"order {body.order_no}: {amount} {body.currency} {way}"


async def _read(services: Services, payment_id: str) -> Snapshot | None:
    async with services.database.reading() as session:
        return await payment_snapshot(session, payment_id, None)
