"""What Temporal tells of the payments: how far its list lags, how long their histories are, what it would bill."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.errors import BenchError
from bench.metrics import count_by, read_page

LOOK_EVERY_S = 0.05
LAG_LIMIT_S = 120.0
FLUSH_S = 1.5  # the server hands its counters over about once a second
SCHEDULES = ("watch", "sweeper", "seal", "verify", "verify-everything")


class Engine:
    """The server's answers, and its metrics."""

    def __init__(self, client: Client, metrics_url: str) -> None:
        self._client = client
        self._metrics_url = metrics_url

    @classmethod
    async def connect(cls, address: str, metrics_url: str) -> "Engine":
        """Connected."""
        return cls(await Client.connect(address, data_converter=pydantic_data_converter), metrics_url)

    async def completed(self, workflow: str) -> int:
        """How many runs of this type the list shows as completed."""
        found = await self._client.count_workflows(f"WorkflowType = '{workflow}' AND ExecutionStatus = 'Completed'")
        return found.count

    async def lag_s(self, workflow: str, completed: int, *, since: float) -> float:
        """How long after `since`, the last one's end, the list shows so many completed runs; at least until now."""
        while (shown := await self.completed(workflow)) < completed:
            if time.time() - since > LAG_LIMIT_S:
                raise BenchError(f"Temporal lists {shown} completed {workflow} workflows; {completed} have ended.")
            await asyncio.sleep(LOOK_EVERY_S)
        return time.time() - since

    async def history_events(self, workflow_ids: Sequence[str]) -> list[int]:
        """How many events each history has."""
        histories = [await self._client.get_workflow_handle(one).fetch_history() for one in workflow_ids]
        return [len(history.events) for history in histories]

    async def pause_schedules(self) -> None:
        """Nothing runs by itself any more, so that what is counted belongs to payments."""
        for schedule in SCHEDULES:
            await self._client.get_schedule_handle(schedule).pause()

    async def actions(self) -> Counter[str]:
        """Billable actions since the server's start, by their kind."""
        await asyncio.sleep(FLUSH_S)
        return count_by(await read_page(self._metrics_url), "action", "action_type", namespace="default")
