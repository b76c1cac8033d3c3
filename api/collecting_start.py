"""One call that starts a claimed payment or top-up and waits until there is something to tell."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import WithStartWorkflowOperation
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from api.post_limit import PostLimit
from api.services import Services
from api.workflow_start import LATE, start_and_ask
from domain.commands import PaymentAnswer, PaymentCommand
from domain.errors import IdempotencyInProgress, Unavailable
from domain.states import PaymentState, Purpose
from store.reading import PaymentName, Snapshot, payment_snapshot
from store.requests import Claimed
from workflows.attributes import CHANNEL, MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO
from workflows.payment import PaymentWorkflow
from workflows.top_up import TopUpWorkflow

TASK_QUEUE = "saga"
TASK_TIMEOUT = timedelta(seconds=3)
UPDATE_ID = "pay"

_Workflow = PaymentWorkflow | TopUpWorkflow


@dataclass(frozen=True, kw_only=True)
class CollectingStart:
    """Whose, for what, under which number of the business's; `channel` and `summary` are for the Temporal UI."""

    merchant_id: str
    purpose: Purpose
    number: str
    channel: str | None
    summary: str
    limit: PostLimit


async def start_collecting(services: Services, claimed: Claimed, start: CollectingStart) -> Snapshot:
    """The payment or top-up runs, and this is what its rows say after at most eight seconds.

    Unavailable, or IdempotencyInProgress for a repeat, when its row did not appear in time: its claim stands, and the
    same call later continues it.
    """
    structlog.contextvars.bind_contextvars(payment_id=claimed.payment_id)
    named = PaymentName(claimed.payment_id, start.merchant_id, start.purpose)
    snapshot = await _read(services, named) if claimed.opened else None
    if snapshot is not None and snapshot["payment"]["state"] != PaymentState.PENDING:
        return snapshot
    missed = await _start(services, claimed.payment_id, start)
    snapshot = await _read(services, named)
    if snapshot is None:
        late = claimed.replayed and isinstance(missed, LATE)
        raise IdempotencyInProgress if late else Unavailable("not opened yet; the same call continues it")
    return snapshot


async def _start(services: Services, payment_id: str, start: CollectingStart) -> Exception | None:
    """The workflow runs, and has answered if it could in time: what it knows is in the rows. Answers what failed."""
    workflow = TopUpWorkflow if start.purpose is Purpose.TOP_UP else PaymentWorkflow
    operation = _operation(workflow, payment_id, start)
    _, missed = await start_and_ask(services, workflow.pay, update_id=UPDATE_ID, operation=operation, limit=start.limit)
    return missed


def _operation(
    workflow: type[_Workflow], payment_id: str, start: CollectingStart
) -> WithStartWorkflowOperation[Any, PaymentAnswer]:
    """A new one for each call; starting what runs joins it, starting what has ended does not start it again."""
    attributes: list[SearchAttributePair[Any]] = [
        SearchAttributePair(MERCHANT_ID, start.merchant_id),
        SearchAttributePair(ORDER_NO, start.number),
        SearchAttributePair(CHANNEL, start.channel or "none"),
        SearchAttributePair(NEEDS_ATTENTION, False),
    ]
    return WithStartWorkflowOperation(
        workflow.run,
        PaymentCommand(payment_id=payment_id, merchant_id=start.merchant_id),
        id=payment_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        priority=Priority(fairness_key=start.merchant_id),
        search_attributes=TypedSearchAttributes(attributes),
        static_summary=start.summary,
    )


async def _read(services: Services, named: PaymentName) -> Snapshot | None:
    async with services.database.reading() as session:
        return await payment_snapshot(session, named)
