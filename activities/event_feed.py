"""The loop from committed events to the business: it numbers them, tries each delivery once, hands over the rest."""

import asyncio
import time

import structlog
from temporalio.client import Client

from activities.event_body import render_object
from activities.event_handing import Handing, fail_lapsed, read_unhanded, read_waiting
from activities.event_numbering import Numbered, Render, number_events
from activities.first_tries import FirstTries
from activities.hand_over import DOWN, HandOver
from activities.pausing import pause
from activities.webhook_schedule import DeliverySchedule
from activities.webhook_sending import WebhookSender
from store.database import Database

EVENTS_AT_ONCE = 200
LAPSE_EVERY_S = 60.0
#: Events that come in within a busy wait share one transaction; a webhook is that much later.
BUSY_WAIT_S, IDLE_WAIT_S, TROUBLE_WAIT_S = 0.1, 0.25, 1.0

_log = structlog.get_logger("events")


class EventFeed:
    """Any number of feeds may run at once: numbering is behind a lock, handing over is idempotent by delivery id.

    The feed that numbered an event tries its deliveries first, if it is soon enough; the others leave them to it.
    Without a `sender` there are no first tries: Temporal gets every delivery.
    """

    def __init__(
        self,
        database: Database,
        client: Client,
        *,
        render: Render = render_object,
        schedule: DeliverySchedule | None = None,
        sender: WebhookSender | None = None,
    ) -> None:
        self._database = database
        self._render = render
        self._schedule = schedule or DeliverySchedule()
        self._hand_over = HandOver(database, client, self._schedule)
        self._tries = FirstTries(database, sender, self._hand_over, self._schedule) if sender else None
        self._lapse_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Ticks until `stop`; where the database or Temporal is down, what waits is tried again later."""
        wait_s = BUSY_WAIT_S
        try:
            while not stop.is_set():
                wait_s = await self._paced_tick(wait_s)
                await pause(stop, wait_s)
        finally:
            await self.finish()

    async def _paced_tick(self, waited_s: float) -> float:
        """One tick, and how long to wait after it."""
        try:
            busy = await self.tick()
        except DOWN as error:
            _log.warning("event_feed_waits", error=type(error).__name__)
            return TROUBLE_WAIT_S
        return BUSY_WAIT_S if busy else min(waited_s * 2, IDLE_WAIT_S)

    async def tick(self) -> bool:
        """What was committed is numbered, and tried or handed over, as far as one batch goes; True when there was any.

        Each part continues what any feed left behind, so a crash between two of them loses nothing.
        """
        await self._fail_lapsed()
        own_for = self._schedule.own_for
        async with self._database.reading("event.waiting") as session:
            waiting = await read_waiting(session, own_for)
        numbered = await self._number() if waiting.unnumbered else 0
        if waiting.unhanded:
            async with self._database.reading("event.unhanded") as session:
                unhanded = await read_unhanded(session, own_for, EVENTS_AT_ONCE)
            await self._hand_over.start(unhanded)
        return bool(numbered) or waiting.unhanded

    async def finish(self) -> None:
        """First tries that are under way have ended."""
        if self._tries:
            await self._tries.finish()

    async def _number(self) -> int:
        """How many events were numbered; their deliveries are being tried, or have their activities."""
        numbered_at = time.monotonic()
        async with self._database.transaction("event.number") as session:
            numbered = await number_events(session, self._render, EVENTS_AT_ONCE)
        await self._hand_over.start(self._left(numbered, numbered_at))
        return numbered.events

    def _left(self, numbered: Numbered, numbered_at: float) -> list[Handing]:
        if self._tries:
            return self._tries.take(numbered.deliveries, numbered_at)
        return [delivery.handing for delivery in numbered.deliveries]

    async def _fail_lapsed(self) -> None:
        """Once a minute: a delivery whose activity was lost, or ended by hand, does not stay pending for ever."""
        if time.monotonic() < self._lapse_at:
            return
        self._lapse_at = time.monotonic() + LAPSE_EVERY_S
        async with self._database.transaction("event.lapse") as session:
            lapsed = await fail_lapsed(session, self._schedule.lapse_after)
        if lapsed:
            _log.warning("deliveries_lapsed", count=lapsed)
