"""What an operator can do to a workflow in the Temporal UI: end it, cancel it, or wind its history back.

Whatever was done, the sweeper and the rows bring the object to the end that it would have had.
"""

from collections.abc import Sequence
from enum import StrEnum
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

REASON = "mischief of the chaos harness"
#: The workflow is gone, has ended, or has no task yet to go back to.
NOTHING_TO_SPOIL = frozenset(
    {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION}
)


class Mischief(StrEnum):
    """One thing that an operator does by hand."""

    TERMINATE = "terminate"
    CANCEL = "cancel"
    RESET_TO_FIRST = "reset_to_first"
    RESET_TO_LAST = "reset_to_last"


async def spoil(client: Client, workflow_id: str, mischief: Mischief) -> bool:
    """It was done to the newest run of that id; False when there was nothing to do it to. Raises other `RPCError`."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        match mischief:
            case Mischief.TERMINATE:
                await handle.terminate(reason=REASON)
            case Mischief.CANCEL:
                await handle.cancel()
            case Mischief.RESET_TO_FIRST:
                return await reset(client, workflow_id, place=0)
            case Mischief.RESET_TO_LAST:
                return await reset(client, workflow_id, place=-1)
    except RPCError as error:
        if error.status in NOTHING_TO_SPOIL:
            return False
        raise
    return True


async def reset(client: Client, workflow_id: str, *, place: int) -> bool:
    """A new run begins at that completed workflow task; behind it only signals and updates are remembered.

    False when the newest run has no such task. Raises `RPCError`.
    """
    run_id = (await client.get_workflow_handle(workflow_id).describe()).run_id
    completed = await _completed_tasks(client.get_workflow_handle(workflow_id, run_id=run_id))
    if not -len(completed) <= place < len(completed):
        return False
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            reason=REASON,
            workflow_task_finish_event_id=completed[place],
            request_id=str(uuid4()),
        )
    )
    return True


async def _completed_tasks(handle: WorkflowHandle[object, object]) -> Sequence[int]:
    events = handle.fetch_history_events()
    return [
        event.event_id async for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
