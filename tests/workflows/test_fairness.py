"""One merchant's flash sale does not starve the others: queues are served by turns, a merchant each."""

import asyncio
from datetime import timedelta

from temporalio import activity
from temporalio.common import Priority
from temporalio.worker import Worker

from domain.ids import new_id
from tests.support.centre import Centre
from tests.support.shop import Shop

SALE, TURNS = 20, 6
LIMIT = timedelta(seconds=30)


class Till:
    """Notes whose turn it was."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.closed = asyncio.Event()

    @activity.defn(name="till.serve")
    async def serve(self, merchant_id: str) -> None:
        """It is noted; the till is closed when everybody was served."""
        self.served.append(merchant_id)
        if len(self.served) > SALE:
            self.closed.set()


async def test_a_saga_carries_its_merchant(shop: Shop) -> None:
    """Its tasks, and those of its activities, are queued as the merchant's."""
    started = await shop.pay()
    history = await shop.centre.temporal.get_workflow_handle(started["id"]).fetch_history()
    priority = history.events[0].workflow_execution_started_event_attributes.priority
    assert shop.merchant_id == priority.fairness_key


async def test_whoever_comes_last_to_a_sale_is_not_served_last(centre: Centre) -> None:
    """A merchant with one task is served within a few turns, however many tasks of another were there before."""
    queue, till = new_id("till"), Till()
    for number, merchant_id in enumerate(["sale"] * SALE + ["other"]):
        await centre.temporal.start_activity(
            "till.serve",
            merchant_id,
            id=f"{queue}-{number}",
            task_queue=queue,
            start_to_close_timeout=LIMIT,
            priority=Priority(fairness_key=merchant_id),
        )
    async with Worker(centre.temporal, task_queue=queue, activities=[till.serve], max_concurrent_activities=1):
        await asyncio.wait_for(till.closed.wait(), LIMIT.total_seconds())
    assert till.served.index("other") < TURNS
