"""An operator's decision on a refund or payout: the running workflow takes it, or nobody does any more."""

import asyncio
from typing import Any

import structlog
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.outgoing_bodies import Choice, DecisionBody
from api.services import Services
from domain.errors import BY_CODE, NotAwaitingApproval, Unavailable
from domain.outgoing import ApprovalCommand
from domain.states import Approval

DECIDE_LIMIT_S = 8
_MEANING = {Choice.APPROVE: Approval.APPROVED, Choice.REJECT: Approval.REJECTED}

_log = structlog.get_logger("approvals")


def decision_of(object_id: str, body: DecisionBody) -> ApprovalCommand:
    """What the workflow is told."""
    return ApprovalCommand(object_id=object_id, decision=_MEANING[body.decision], reason=body.reason)


async def decide(services: Services, update: Any, command: ApprovalCommand) -> bool:  # noqa: ANN401 - an SDK's update
    """True when the workflow has kept a decision, this one or a faster one (the row says which); False without one.

    NotAwaitingApproval when none is awaited; Unavailable when Temporal, or every worker, is away.
    """
    try:
        async with asyncio.timeout(DECIDE_LIMIT_S):
            handle = (await services.temporal.client()).get_workflow_handle(command.object_id)
            await handle.execute_update(update, command, id=f"decide-{command.decision}")
            return True
    except WorkflowUpdateFailedError as refused:
        kind = BY_CODE.get(refused.cause.type or "") if isinstance(refused.cause, ApplicationError) else None
        if kind is not None:
            raise kind from refused
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as late:
        raise Unavailable("the workflow did not answer in time") from late
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise Unavailable("Temporal does not answer") from error
    _log.info("no_workflow_decided", object_id=command.object_id)
    return False


def require_decided(decided: Approval | None, command: ApprovalCommand, *, heard: bool) -> None:
    """Nothing when the row has this decision by this call; Unavailable when its workflow is lost and comes back."""
    if not heard and decided is Approval.AWAITED:
        raise Unavailable("the workflow is away; the same call decides later")
    if not heard or decided is not command.decision:
        raise NotAwaitingApproval
