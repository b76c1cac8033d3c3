"""The events loop of the peer: the same numbering and the same first tries as ours; the rest is a queue's of dbos."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

from dbos import DBOS

from activities.delivery_rows import read_outgoing, record_call
from activities.event_body import render_object
from activities.event_handing import Handing, mark_handed, read_unhanded, read_waiting
from activities.event_numbering import number_events
from activities.first_tries import FirstTries
from activities.hand_over import HandOver
from activities.pausing import pause
from activities.webhook_schedule import DeliverySchedule
from activities.webhook_sending import WebhookSender
from bench.peers.dbos_names import DELIVERIES, DELIVERY
from bench.peers.dbos_steps import Steps

EVENTS_AT_ONCE = 200
BUSY_WAIT_S, IDLE_WAIT_S = 0.05, 0.25


class Delivery:
    """A webhook as a durable workflow: tried until the business took it or the schedule's horizon is near."""

    def __init__(self, steps: Steps, schedule: DeliverySchedule) -> None:
        self._database = steps.database
        self._sender = WebhookSender(steps.box, steps.guard)
        self._schedule = schedule

    async def run(self, delivery_id: str) -> str:
        """The delivery's row says how it ended; answers that."""
        waited, attempt = timedelta(), 1
        while True:
            wait = self._schedule.wait_after(attempt)
            last = waited + wait > self._schedule.horizon
            state: str = await DBOS.run_step_async({"name": "webhook.call"}, self.call, delivery_id, last)
            if state != "pending":
                return state
            await DBOS.sleep_async(wait.total_seconds())
            waited, attempt = waited + wait, attempt + 1

    async def call(self, delivery_id: str, last: bool) -> str:  # noqa: FBT001 - steps are called by position
        """One call between two short transactions; a delivery that has ended is not called again."""
        async with self._database.reading() as session:
            outgoing = await read_outgoing(session, delivery_id)
        if outgoing is None or outgoing.state != "pending":
            return "gone" if outgoing is None else outgoing.state
        call = await self._sender.send(outgoing)
        state = "failed" if call.state == "pending" and last else call.state
        async with self._database.transaction("webhook.deliver", delivery_id) as session:
            await record_call(session, delivery_id, call, state)
        return state


class QueueHandOver(HandOver):
    """Deliveries that the first try did not end become workflows; idempotent by the delivery's id."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    async def start(self, handings: Sequence[Handing], delay: timedelta | None = None) -> None:
        """Every delivery has its workflow, which begins after `delay`, before its event counts as handed over."""
        if not handings:
            return
        later = {} if delay is None else {"delay_seconds": delay.total_seconds()}
        queued = {"workflow_name": DELIVERY, "queue_name": DELIVERIES}
        for delivery_id in (one.delivery_id for one in handings if one.delivery_id is not None):
            options = {**queued, **later, "workflow_id": delivery_id}
            await DBOS.enqueue_workflow_with_options_async(options, delivery_id)
        async with self._steps.database.transaction("event.hand") as session:
            await mark_handed(await session.connection(), handings)


class Feed:
    """Numbers committed events and tells the business, until it is stopped."""

    def __init__(self, steps: Steps, schedule: DeliverySchedule) -> None:
        self._database = steps.database
        self._own_for = schedule.own_for
        self._hand_over = QueueHandOver(steps)
        self._tries = FirstTries(steps.database, WebhookSender(steps.box, steps.guard), self._hand_over, schedule)

    async def run(self, stop: asyncio.Event) -> None:
        """Ticks until `stop`; first tries that are under way have ended then."""
        wait_s = BUSY_WAIT_S
        while not stop.is_set():
            wait_s = BUSY_WAIT_S if await self._tick() else min(wait_s * 2, IDLE_WAIT_S)
            await pause(stop, wait_s)
        await self._tries.finish()

    async def _tick(self) -> bool:
        async with self._database.reading("event.waiting") as session:
            waiting = await read_waiting(await session.connection(), self._own_for)
        if waiting.unnumbered:
            await self._number()
        if waiting.unhanded:
            async with self._database.reading("event.unhanded") as session:
                unhanded = await read_unhanded(await session.connection(), self._own_for, EVENTS_AT_ONCE)
            await self._hand_over.start(unhanded)
        return waiting.unnumbered or waiting.unhanded

    async def _number(self) -> None:
        numbered_at = time.monotonic()
        async with self._database.transaction("event.number") as session:
            numbered = await number_events(await session.connection(), render_object, EVENTS_AT_ONCE)
        await self._hand_over.start(self._tries.take(numbered.deliveries, numbered_at))


def register(steps: Steps) -> DeliverySchedule:
    """The engine knows the workflow by its name; answers the schedule it keeps."""
    schedule = DeliverySchedule()
    delivery = Delivery(steps, schedule)

    async def deliver(delivery_id: str) -> str:
        return await delivery.run(delivery_id)

    DBOS.workflow(name=DELIVERY)(deliver)
    return schedule
