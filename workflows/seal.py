"""The scheduled seal of the audit and of the book's ended days."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from domain.verification import SealCounts
    from workflows.verify import RECONCILE


@workflow.defn(name="Seal")
class SealWorkflow:
    """One seal of whatever has ended; the schedule seals again what this one could not."""

    @workflow.run
    async def run(self) -> SealCounts:
        """Operators' actions are in the chain, and every day before today takes no posting any more.

        What cannot be sealed keeps nothing else open: the other is sealed first, then the failure is raised.
        """
        try:
            actions = await self._sealed("audit.seal", "actions of operators")
        except ActivityError:
            await self._sealed("book.seal", "days of the book")
            raise
        day = await self._sealed("book.seal", "days of the book")
        return SealCounts(actions=actions.actions, sealed_day=day.sealed_day)

    async def _sealed(self, activity: str, summary: str) -> SealCounts:
        counts: SealCounts = await workflow.execute_activity(
            activity,
            result_type=SealCounts,
            task_queue=RECONCILE,
            start_to_close_timeout=timedelta(minutes=10),
            schedule_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=3),
            summary=summary,
        )
        return counts
