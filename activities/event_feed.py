"""The loop between committed events and the business: it numbers them, and hands their deliveries to Temporal."""

import asyncio
import time
from datetime import timedelta

import structlog
from asyncpg import PostgresError
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.common import ActivityIDReusePolicy, Priority
from temporalio.exceptions import ActivityAlreadyStartedError
from temporalio.service import RPCError

from activities.event_body import render_object
from activities.event_handing import Handing, fail_lapsed, mark_handed, read_unhanded, read_waiting
from activities.event_numbering import Render, number_events
from activities.webhook import DeliveryCommand
from activities.webhook_schedule import DeliverySchedule
from store.database import Database

EVENTS_AT_ONCE = 200
STARTS_AT_ONCE = 16
START_LIMIT = timedelta(seconds=5)
LAPSE_EVERY_S = 60.0
BUSY_WAIT_S, IDLE_WAIT_S, TROUBLE_WAIT_S = 0.05, 0.25, 1.0

# PostgreSQL refuses a connection with errors of the driver's own; a client that has yet to connect to Temporal raises
# RuntimeError instead of RPCError.
_DOWN = (SQLAlchemyError, PostgresError, OSError, RPCError, RuntimeError)

_log = structlog.get_logger("events")


class EventFeed:
    """Any number of feeds may run at once: numbering is behind a lock, handing over is idempotent by delivery id."""

    def __init__(
        self,
        database: Database,
        client: Client,
        *,
        render: Render = render_object,
        schedule: DeliverySchedule | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._render = render
        self._schedule = schedule or DeliverySchedule()
        self._lapse_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Ticks until `stop`; where the database or Temporal is down, what waits is tried again later."""
        wait_s = BUSY_WAIT_S
        while not stop.is_set():
            try:
                busy = await self.tick()
                wait_s = BUSY_WAIT_S if busy else min(wait_s * 2, IDLE_WAIT_S)
            except _DOWN as error:
                _log.warning("event_feed_waits", error=type(error).__name__)
                wait_s = TROUBLE_WAIT_S
            await _wait(stop, wait_s)

    async def tick(self) -> bool:
        """What was committed is numbered and handed over, as far as one batch goes; True when there was anything.

        Each part continues what any feed left behind, so a crash between two of them loses nothing.
        """
        await self._fail_lapsed()
        async with self._database.reading() as session:
            waiting = await read_waiting(await session.connection())
        numbered = await self._number() if waiting.unnumbered else 0
        if numbered or waiting.unhanded:
            await self._hand_over()
        return bool(numbered) or waiting.unhanded

    async def _number(self) -> int:
        async with self._database.transaction("event.number") as session:
            return await number_events(await session.connection(), self._render, EVENTS_AT_ONCE)

    async def _hand_over(self) -> None:
        """Every waiting delivery has its activity before its event counts as handed over."""
        async with self._database.reading() as session:
            unhanded = await read_unhanded(await session.connection(), EVENTS_AT_ONCE)
        if not unhanded:
            return
        at_once = asyncio.Semaphore(STARTS_AT_ONCE)
        await asyncio.gather(*(self._start(handing, at_once) for handing in unhanded))
        async with self._database.transaction("event.hand") as session:
            await mark_handed(await session.connection(), unhanded)

    async def _start(self, handing: Handing, at_once: asyncio.Semaphore) -> None:
        if handing.delivery_id is None:
            return
        async with at_once:
            try:
                await self._start_activity(handing, handing.delivery_id)
            except ActivityAlreadyStartedError:
                _log.debug("delivery_already_started", delivery_id=handing.delivery_id)

    async def _start_activity(self, handing: Handing, delivery_id: str) -> None:
        await self._client.start_activity(
            "webhook.deliver",
            DeliveryCommand(delivery_id=delivery_id),
            id=delivery_id,
            task_queue=self._schedule.task_queue,
            start_to_close_timeout=self._schedule.call_limit,
            schedule_to_close_timeout=self._schedule.engine_limit,
            retry_policy=self._schedule.retry_policy,
            id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
            summary=f"{handing.event_type} of {handing.object_id}",
            priority=Priority(fairness_key=handing.merchant_id),
            rpc_timeout=START_LIMIT,
        )

    async def _fail_lapsed(self) -> None:
        """Once a minute: a delivery whose activity was lost, or ended by hand, does not stay pending for ever."""
        if time.monotonic() < self._lapse_at:
            return
        self._lapse_at = time.monotonic() + LAPSE_EVERY_S
        async with self._database.transaction("event.lapse") as session:
            lapsed = await fail_lapsed(await session.connection(), self._schedule.lapse_after)
        if lapsed:
            _log.warning("deliveries_lapsed", count=lapsed)


async def _wait(stop: asyncio.Event, wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            await stop.wait()
    except TimeoutError:
        return
