"""The first try of each new delivery, made by the feed that numbered its event; Temporal gets what is left.

Nothing here has to survive: the delivery's row is committed before its try begins, and it is the feed's own for
`own_for` only. After that any feed hands it to Temporal, whatever became of this process.
"""

import asyncio
import time
from asyncio import Semaphore, Task
from collections import Counter
from collections.abc import Sequence
from functools import partial
from weakref import WeakValueDictionary

import structlog

from activities.delivery_rows import Called, CallRecord
from activities.event_handing import Handing, NewDelivery
from activities.first_records import EndOfTry, FirstRecords
from activities.hand_over import DOWN, HandOver
from activities.webhook_schedule import DeliverySchedule
from activities.webhook_sending import WebhookSender
from store.database import Database

TRIES_MAX = 256
MERCHANTS_TRIES_MAX = 16
#: Of all tries, those that wait for the merchant's lane too: one merchant's rush leaves room for the others'.
MERCHANTS_SHARE_MAX = 64
FAILING_FOR_S = 30.0
STOP_LIMIT_S = 5.0

_log = structlog.get_logger("webhook")


class FirstTries:
    """Tries in the background, bounded by merchant and in all; nothing waits for them, and no merchant for another."""

    def __init__(
        self, database: Database, sender: WebhookSender, hand_over: HandOver, schedule: DeliverySchedule
    ) -> None:
        self._records = FirstRecords(database)
        self._sender = sender
        self._hand_over = hand_over
        self._schedule = schedule
        self._tries: set[Task[None]] = set()
        self._lanes: WeakValueDictionary[str, Semaphore] = WeakValueDictionary()
        self._failing_until: dict[str, float] = {}
        self._begun: Counter[str] = Counter()

    def take(self, deliveries: Sequence[NewDelivery], numbered_at: float) -> list[Handing]:
        """Tries of deliveries that were added at `numbered_at` (monotonic) have begun; answers what is not tried.

        That is what belongs to a merchant whose webhook failed a moment ago, and what is too much at once.
        """
        begin_by = numbered_at + self._schedule.begin_within_s
        left = []
        for delivery in deliveries:
            if self._too_many(delivery.handing.merchant_id) or self._may_not_try(delivery, begin_by):
                left.append(delivery.handing)
            else:
                self._begin(delivery, begin_by)
        return left

    async def finish(self) -> None:
        """No try is under way; one that did not end in time is left to Temporal."""
        if not self._tries:
            return
        _, unfinished = await asyncio.wait(self._tries, timeout=STOP_LIMIT_S)
        for task in unfinished:
            task.cancel()

    def _begin(self, delivery: NewDelivery, begin_by: float) -> None:
        merchant_id = delivery.handing.merchant_id
        lane = self._lanes.get(merchant_id) or Semaphore(MERCHANTS_TRIES_MAX)
        self._lanes[merchant_id] = lane
        task = asyncio.create_task(self._try(delivery, lane, begin_by))
        self._tries.add(task)
        self._begun[merchant_id] += 1
        task.add_done_callback(partial(self._ended, merchant_id))

    def _too_many(self, merchant_id: str) -> bool:
        return len(self._tries) >= TRIES_MAX or self._begun[merchant_id] >= MERCHANTS_SHARE_MAX

    def _ended(self, merchant_id: str, task: Task[None]) -> None:
        self._tries.discard(task)
        self._begun[merchant_id] -= 1
        if not self._begun[merchant_id]:
            del self._begun[merchant_id]
        if not task.cancelled() and (error := task.exception()):
            _log.error("first_try_broke", error=type(error).__name__, exc_info=error)

    async def _try(self, delivery: NewDelivery, lane: Semaphore, begin_by: float) -> None:
        try:
            async with lane:
                call = await self._call(delivery, begin_by)
            if call is None:
                await self._hand_over.start([delivery.handing])
            else:
                await self._conclude(delivery, call)
        except DOWN as error:
            _log.warning("first_try_left", delivery_id=delivery.delivery_id, error=type(error).__name__)

    async def _call(self, delivery: NewDelivery, begin_by: float) -> CallRecord | None:
        """None where the wait for the merchant's lane took too long, or an earlier try showed that none gets through.

        A call that began in time ends, and has its row, while the delivery is still this feed's own.
        """
        if self._may_not_try(delivery, begin_by):
            return None
        call = await self._sender.send(delivery.outgoing, self._schedule.first_limit.total_seconds())
        if not call.accepted:
            self._remember_failure(delivery.handing.merchant_id)
        return call

    async def _conclude(self, delivery: NewDelivery, call: CallRecord) -> None:
        handing, state = delivery.handing, call.state
        await self._records.keep(EndOfTry(handing, Called(delivery.delivery_id, call, state)))
        log = _log.bind(delivery_id=delivery.delivery_id, event_id=handing.event_id, event_type=handing.event_type)
        log.info("webhook_called", outcome=call.outcome, state=state, duration_ms=call.duration_ms)
        if state == "pending":
            await self._hand_over.start([handing], self._schedule.first_wait)

    def _may_not_try(self, delivery: NewDelivery, begin_by: float) -> bool:
        now = time.monotonic()
        return now > begin_by or now < self._failing_until.get(delivery.handing.merchant_id, 0.0)

    def _remember_failure(self, merchant_id: str) -> None:
        now = time.monotonic()
        current = {known: until for known, until in self._failing_until.items() if until > now}
        self._failing_until = current | {merchant_id: now + FAILING_FOR_S}
