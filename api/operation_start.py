"""From a POST to a running refund, payout or transfer: claim the number, start, and hear whether it was accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import structlog
from pydantic import BaseModel
from temporalio.client import WithStartWorkflowOperation, WorkflowExecutionStatus
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError

from api.idempotency import request_hash
from api.post_limit import POST_LIMIT_S, PostLimit
from api.services import Services
from api.workflow_start import LATE, start_and_ask
from domain.errors import BY_CODE, BusinessError, IdempotencyInProgress, InternalError, Unavailable
from domain.outgoing import OperationAnswer
from domain.states import Operation
from store.operations import ClaimedOperation, OperationClaim, claim_operation, drop_operation
from workflows.attributes import CHANNEL, MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO

TASK_QUEUE = "saga"
TASK_TIMEOUT = timedelta(seconds=3)
UPDATE_ID = "accepted"

_log = structlog.get_logger("operations")


@dataclass(frozen=True, kw_only=True)
class AskedOperation:
    """One POST: whose, which operation under which number, and the body that `open` will make the object from."""

    merchant_id: str
    operation: Operation
    number: str
    body: BaseModel
    kept: Mapping[str, Any]
    new_id: str
    key: str | None
    limit: PostLimit = field(default_factory=PostLimit)


@dataclass(frozen=True, kw_only=True)
class Start:
    """Which workflow, which update tells that it was accepted, and how the Temporal UI shows it."""

    run: Any
    command: BaseModel
    accepted: Any
    channel: str | None
    summary: str


async def claim(services: Services, asked: AskedOperation) -> ClaimedOperation:
    """One transaction: the number is this request's; IdempotencyKeyReused, NumberTaken."""
    wanted = OperationClaim(
        merchant_id=asked.merchant_id,
        operation=asked.operation,
        number=asked.number,
        request_hash=request_hash(asked.body),
        new_id=asked.new_id,
        body=asked.kept,
        key=asked.key,
    )

    async def claim_once() -> ClaimedOperation:
        async with services.database.transaction(f"{asked.operation}.claim", asked.new_id) as session:
            return await claim_operation(session, wanted)

    claimed = await asked.limit.repeat(claim_once)
    if claimed.object_id == asked.new_id:  # its own, even if an earlier try of this call made it
        claimed = replace(claimed, replayed=False)
    structlog.contextvars.bind_contextvars(object_id=claimed.object_id)
    return claimed


async def start_operation(
    services: Services, claimed: ClaimedOperation, asked: AskedOperation, *, start: Start
) -> None:
    """The object exists and its workflow runs; what refused it is raised, and its number is free again.

    Unavailable, or IdempotencyInProgress for a repeat, when its row did not appear in time: the claim stands, and the
    same call later continues it. Unavailable also when its workflow ended without making it, which leaves its number
    free: the same call then starts it anew.
    """
    if claimed.opened:
        return
    operation = _operation(claimed.object_id, asked, start)
    answer, missed = await start_and_ask(
        services, start.accepted, update_id=UPDATE_ID, operation=operation, limit=asked.limit
    )
    if isinstance(answer, OperationAnswer) and answer.refused_code is not None:
        async with services.database.transaction(f"{asked.operation}.drop", claimed.object_id) as session:
            await drop_operation(session, claimed.object_id)
        raise refusal(answer)
    if answer is None and missed is None:
        await _forget_what_never_was(services, claimed, asked)
    if missed is not None:
        in_progress = claimed.replayed and isinstance(missed, LATE)
        raise IdempotencyInProgress if in_progress else Unavailable("not opened yet; the same call continues it")


def refusal(answer: OperationAnswer) -> BusinessError:
    """The problem that the workflow named."""
    kind = BY_CODE.get(answer.refused_code or "", InternalError)
    return kind(answer.refused_detail)


async def _forget_what_never_was(services: Services, claimed: ClaimedOperation, asked: AskedOperation) -> None:
    """Its workflow has ended and is never started again: without its object, the number is free."""
    if await _runs(services, claimed.object_id):
        return
    async with services.database.transaction(f"{asked.operation}.drop", claimed.object_id) as session:
        dropped = await drop_operation(session, claimed.object_id)
    if dropped:
        raise Unavailable("its workflow ended before it had begun; the same call starts it anew")


async def _runs(services: Services, object_id: str) -> bool:
    """Unavailable when Temporal does not tell."""
    try:
        handle = (await services.temporal.client()).get_workflow_handle(object_id)
        found = await handle.describe(rpc_timeout=timedelta(seconds=POST_LIMIT_S))
    except RPCError as error:
        raise Unavailable("Temporal does not answer") from error
    return found.status is WorkflowExecutionStatus.RUNNING


def _operation(object_id: str, asked: AskedOperation, start: Start) -> WithStartWorkflowOperation[Any, Any]:
    """A new one for each call; starting what runs joins it, starting what has ended does not start it again."""
    attributes: list[SearchAttributePair[Any]] = [
        SearchAttributePair(MERCHANT_ID, asked.merchant_id),
        SearchAttributePair(ORDER_NO, asked.number),
        SearchAttributePair(CHANNEL, start.channel or "none"),
        SearchAttributePair(NEEDS_ATTENTION, False),
    ]
    return WithStartWorkflowOperation(
        start.run,
        start.command,
        id=object_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        priority=Priority(fairness_key=asked.merchant_id),
        search_attributes=TypedSearchAttributes(attributes),
        static_summary=start.summary,
    )
