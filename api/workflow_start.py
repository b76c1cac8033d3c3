"""Starting a workflow and waiting for its first answer, in one call; what fails decides nothing about the object."""

import asyncio
from typing import Any

import structlog
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from api.post_limit import PostLimit
from api.services import Services
from domain.errors import Unavailable

LOOK_LIMIT_S = 0.05

#: The client tells our own time limit in its own words.
LATE = (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError)

_log = structlog.get_logger("starts")


async def start_and_ask(
    services: Services,
    update: Any,  # noqa: ANN401 - the SDK's own kinds of update
    *,
    update_id: str,
    operation: WithStartWorkflowOperation[Any, Any],
    limit: PostLimit,
) -> tuple[Any, Exception | None]:
    """The workflow runs, and has answered if it could in time: `(answer, None)`, or `(None, what failed)`.

    `(None, None)` when it ended before it could answer: what it did stands in the rows.
    """
    try:
        async with asyncio.timeout_at(limit.ends_at):
            client = await services.temporal.client()
            answer = await client.execute_update_with_start_workflow(
                update, id=update_id, start_workflow_operation=operation
            )
            return answer, None
    except (WorkflowAlreadyStartedError, WorkflowUpdateFailedError) as ended:
        _log.info("workflow_ended_already", reason=type(ended).__name__)
        await _look_at_start(operation)
    except (*LATE, RPCError, Unavailable) as missed:
        _log.warning("workflow_not_answered", reason=type(missed).__name__)
        await _look_at_start(operation)
        return None, missed
    return None, None


async def _look_at_start(operation: WithStartWorkflowOperation[Any, Any]) -> None:
    """The client keeps a failed start in a future as well, which complains later when nobody looks at it."""
    start = asyncio.ensure_future(operation.workflow_handle())
    await asyncio.wait([start], timeout=LOOK_LIMIT_S)
    if not start.cancel() and not start.cancelled():
        start.exception()
