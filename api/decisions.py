"""An operator's decision on its way to the workflow that waits for it."""

import asyncio
from typing import Any

import structlog
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.services import Services
from domain.errors import BY_CODE, Unavailable
from domain.outgoing import ApprovalCommand

DECISION_LIMIT_S = 8

_log = structlog.get_logger("decisions")


async def decide(services: Services, update: Any, command: ApprovalCommand) -> bool:  # noqa: ANN401 - the SDK's kinds
    """True when the workflow took the decision, False when it is not there (any more).

    What it refuses is raised as the problem it names; Unavailable when it does not answer in time. A repeat of the same
    decision is the same call.
    """
    try:
        async with asyncio.timeout(DECISION_LIMIT_S):
            client = await services.temporal.client()
            handle = client.get_workflow_handle(command.object_id)
            await handle.execute_update(update, command, id=f"decide-{command.decision}")
            return True
    except WorkflowUpdateFailedError as refused:
        cause = refused.cause
        kind = BY_CODE.get(cause.type or "") if isinstance(cause, ApplicationError) else None
        if kind is not None:
            raise kind from refused
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as late:
        raise Unavailable("the workflow did not answer in time") from late
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise Unavailable("Temporal does not answer") from error
        _log.info("workflow_ended_already", object_id=command.object_id)
    return False
