"""What a workflow's history tells of the workers that ran it."""

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from tests.support.shop import Shop


async def history(shop: Shop, workflow_id: str) -> WorkflowHistory:
    """The newest run's, so far."""
    return await shop.centre.temporal.get_workflow_handle(workflow_id).fetch_history()


async def versions(shop: Shop, workflow_id: str) -> set[str]:
    """The versions of the workers that completed its tasks; the empty one is that of workers without."""
    completed = [
        event.workflow_task_completed_event_attributes
        for event in (await history(shop, workflow_id)).events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    return {one.deployment_version.build_id for one in completed}


async def callers(shop: Shop, workflow_id: str) -> set[str]:
    """The versions of the workers that called its channels."""
    started = [
        event.activity_task_started_event_attributes
        for event in (await history(shop, workflow_id)).events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    ]
    return {one.worker_version.build_id for one in started}


async def times_read(shop: Shop, workflow_id: str) -> int:
    """How often the payment was opened or read: once today, twice after the change."""
    events = (await history(shop, workflow_id)).events
    return str(events).count("payment.open")


async def refused_tasks(shop: Shop, workflow_id: str) -> int:
    """How often a worker could not go on with it: its code does not fit the history."""
    described = await shop.centre.temporal.get_workflow_handle(workflow_id).describe()
    pending = described.raw_description.pending_workflow_task
    return max(pending.attempt - 1, 0)
