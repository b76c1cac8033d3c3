"""The scheduled comparison of both sides: workflow closed ⇔ business state terminal (law 11)."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from domain.commands import SweepCommand, SweepCounts


@workflow.defn(name="Sweeper")
class SweeperWorkflow:
    """One comparison; its counts are the workflow's result, a row, and a metric."""

    @workflow.run
    async def run(self, command: SweepCommand) -> SweepCounts:
        """Whatever was terminated, timed out or lost runs again under its own id."""
        counts: SweepCounts = await workflow.execute_activity(
            "sweep.compare",
            command,
            result_type=SweepCounts,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=3),
            summary="rows against workflows",
        )
        return counts
