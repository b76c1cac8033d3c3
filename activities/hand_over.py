"""From the rows to Temporal: each pending delivery gets the activity that tries it for days."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from asyncpg import PostgresError
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.common import ActivityIDReusePolicy, Priority
from temporalio.exceptions import ActivityAlreadyStartedError
from temporalio.service import RPCError

from activities.event_handing import Handing, mark_handed
from activities.webhook import DeliveryCommand
from activities.webhook_schedule import DeliverySchedule
from store.database import Database

STARTS_AT_ONCE = 16
START_LIMIT = timedelta(seconds=5)

# PostgreSQL refuses a connection with errors of the driver's own; a client that has yet to connect to Temporal raises
# RuntimeError instead of RPCError.
DOWN = (SQLAlchemyError, PostgresError, OSError, RPCError, RuntimeError)

_log = structlog.get_logger("events")


class HandOver:
    """Idempotent by the delivery's id: an activity that exists already is what was wanted."""

    def __init__(self, database: Database, client: Client, schedule: DeliverySchedule) -> None:
        self._database = database
        self._client = client
        self._schedule = schedule

    async def start(self, handings: Sequence[Handing], delay: timedelta | None = None) -> None:
        """Every delivery has its activity, which begins after `delay`, before its event counts as handed over.

        One of `DOWN` where Temporal or the database cannot be reached: what is not marked yet is handed over again.
        """
        if not handings:
            return
        at_once = asyncio.Semaphore(STARTS_AT_ONCE)
        await asyncio.gather(*(self._start(handing, delay, at_once) for handing in handings))
        async with self._database.transaction("event.hand") as session:
            await mark_handed(session, handings)

    async def _start(self, handing: Handing, delay: timedelta | None, at_once: asyncio.Semaphore) -> None:
        if handing.delivery_id is None:
            return
        async with at_once:
            try:
                await self._start_activity(handing, handing.delivery_id, delay)
            except ActivityAlreadyStartedError:
                _log.debug("delivery_already_started", delivery_id=handing.delivery_id)

    async def _start_activity(self, handing: Handing, delivery_id: str, delay: timedelta | None) -> None:
        await self._client.start_activity(
            "webhook.deliver",
            DeliveryCommand(delivery_id=delivery_id),
            id=delivery_id,
            task_queue=self._schedule.task_queue,
            start_delay=delay,
            start_to_close_timeout=self._schedule.call_limit,
            schedule_to_close_timeout=self._schedule.engine_limit,
            retry_policy=self._schedule.retry_policy,
            id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
            summary=f"{handing.event_type} of {handing.object_id}",
            priority=Priority(fairness_key=handing.merchant_id),
            rpc_timeout=START_LIMIT,
        )
