"""The scheduled look at all invariants: each minute at what changed since the one before, nightly at all."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from domain.verification import VerifyCommand, VerifyCounts

RECONCILE = "reconcile"


@workflow.defn(name="Verify")
class VerifyWorkflow:
    """One run; its counts are the workflow's result, a row, and a metric."""

    @workflow.run
    async def run(self, command: VerifyCommand) -> VerifyCounts:
        """Whatever does not hold is a finding that has an owner."""
        counts: VerifyCounts = await workflow.execute_activity(
            "verify.run",
            command,
            result_type=VerifyCounts,
            task_queue=RECONCILE,
            start_to_close_timeout=timedelta(hours=1),
            schedule_to_close_timeout=timedelta(hours=3),
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=3),
            summary=f"{command.scope}: rows against rules",
        )
        return counts
