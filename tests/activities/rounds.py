"""A business, and feeds that try its deliveries first; and another one whose endpoint hears nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.event_feed import EventFeed
from activities.webhook import WebhookDelivery
from activities.webhook_guard import WebhookGuard
from activities.webhook_schedule import DeliverySchedule
from activities.webhook_sending import WebhookSender
from domain.ids import new_id
from store.database import Database
from tests.activities.business import Business, as_stored
from tests.activities.receiver import Receiver, Stall, receiving

FAST = DeliverySchedule(
    first_wait=timedelta(milliseconds=20), longest_wait=timedelta(milliseconds=50), first_limit=timedelta(seconds=1)
)


class Round:
    """A business, and feeds that try its deliveries first."""

    def __init__(self, business: Business, client: Client) -> None:
        self.business = business
        self.client = client
        self.schedule = replace(FAST, task_queue=new_id("notify"))
        self.sender = WebhookSender(business.box, WebhookGuard(allow_loopback=True))
        self.feed = self.another_feed()

    def another_feed(
        self, *, own_for: timedelta = FAST.own_for, database: Database | None = None, client: Client | None = None
    ) -> EventFeed:
        """A feed of the same events, as another process would run it."""
        return EventFeed(
            database or self.business.database,
            client or self.client,
            render=as_stored,
            schedule=replace(self.schedule, own_for=own_for),
            sender=self.sender,
        )

    async def tell(self, **told: str) -> str:
        """A change that was committed and whose first try has ended; the event's id."""
        event_id = await self.business.tell(**told)
        await self.feed.tick()
        await self.feed.finish()
        return event_id

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker delivers what is handed over."""
        guard = WebhookGuard(allow_loopback=True)
        delivery = WebhookDelivery(self.business.database, self.business.box, guard, self.schedule)
        async with Worker(self.client, task_queue=self.schedule.task_queue, activities=[delivery.deliver]):
            yield

    async def has_activity(self, delivery_id: str) -> bool:
        """Whether Temporal knows the delivery."""
        try:
            await self.client.get_activity_handle(delivery_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def unhanded(self) -> int:
        """Events whose deliveries are still with a feed."""
        return len(await self.business.rows("SELECT id FROM event WHERE handed_at IS NULL"))

    async def states(self) -> list[tuple[str, int]]:
        """State and number of tries of each delivery, oldest first."""
        return [(delivery["state"], delivery["attempts"]) for delivery in await self.business.deliveries()]


@asynccontextmanager
async def another_business_unheard(round_: Round, events: int) -> AsyncIterator[Receiver]:
    """So many events were committed before, of another business, whose endpoint never answers."""
    other = Business(round_.business.database, round_.business.box)
    await other.sign_up()
    async with receiving() as silent:
        silent.answers = [Stall()] * events
        await other.listen(silent.url)
        for _ in range(events):
            await other.tell()
        yield silent
