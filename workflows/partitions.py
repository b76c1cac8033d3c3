"""The scheduled job of the partitions of the tables that only grow."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from domain.partitions import PartitionCommand, PartitionCounts
    from workflows.verify import RECONCILE


@workflow.defn(name="Partitions")
class PartitionsWorkflow:
    """One run of the job; the schedule runs it again long before what it made is used up."""

    @workflow.run
    async def run(self, command: PartitionCommand) -> PartitionCounts:
        """There are partitions for the time to come, and none that is too old, unless something in it is open."""
        counts: PartitionCounts = await workflow.execute_activity(
            "partitions.run",
            command,
            result_type=PartitionCounts,
            task_queue=RECONCILE,
            start_to_close_timeout=timedelta(minutes=10),
            schedule_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=5),
            summary="partitions ahead and in the archive",
        )
        return counts
