"""`python -m bench.empty_worker ADDRESS READY_FILE`: a worker with the options of ours, whose workflow does nothing."""

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

import uvloop
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import PollerBehaviorSimpleMaximum, UnsandboxedWorkflowRunner, Worker

QUEUE = "bench-empty"
NAME = "Empty"

# As in `worker.py`, which nothing imports; a test compares them.
GRACE = timedelta(seconds=5)
STICKY_LIMIT = timedelta(seconds=1)
CACHED_WORKFLOWS = 2_000
WORKFLOW_TASKS, LOCAL_ACTIVITIES, ACTIVITIES = 100, 200, 100
WORKFLOW_POLLERS, FIRST_TASKS = 20, 0.5


@workflow.defn(name=NAME)
class EmptyWorkflow:
    """The floor: a workflow that ends as it begins. It has no pivot."""

    @workflow.run
    async def run(self) -> None:
        """Nothing has happened."""


def make_worker(client: Client) -> Worker:
    """Polls the floor's task queue."""
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[EmptyWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=CACHED_WORKFLOWS,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        max_concurrent_local_activities=LOCAL_ACTIVITIES,
        max_concurrent_activities=ACTIVITIES,
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(WORKFLOW_POLLERS),
        nonsticky_to_sticky_poll_ratio=FIRST_TASKS,
        sticky_queue_schedule_to_start_timeout=STICKY_LIMIT,
        graceful_shutdown_timeout=GRACE,
    )


async def _serve(address: str, ready_file: Path) -> None:
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    async with make_worker(client):
        ready_file.touch()
        await stop.wait()


def main() -> None:
    """Serves until it is told to stop."""
    uvloop.run(_serve(sys.argv[1], Path(sys.argv[2])))


if __name__ == "__main__":
    main()
