"""One load of payments, and what it cost."""

import asyncio
import time

from bench.children import until_ended
from bench.engine import Engine
from bench.errors import BenchError
from bench.meter import Meter
from bench.percentiles import Latency
from bench.plans import LoadPlan, LoadResult, Shop
from bench.results import Loaded
from bench.rows import Rows
from bench.stack import BenchStack

WORKFLOW = "Payment"
TELLING_LIMIT_S = 120.0
LOOK_EVERY_S = 0.2


class Loading:
    """Runs loads one after another; each begins when the list and the webhooks of the one before are complete."""

    def __init__(self, stack: BenchStack, engine: Engine, shop: Shop) -> None:
        self._stack = stack
        self._engine = engine
        self._shop = shop
        self._rows = Rows(stack.postgres)

    def plan(self, name: str, payments: int, *, in_flight: int = 32, rate_per_s: float | None = None) -> LoadPlan:
        """A load of this shop."""
        return LoadPlan(
            name=name,
            shop=self._shop,
            database_url=self._stack.plan.addresses.database_url,
            payments=payments,
            in_flight=in_flight,
            rate_per_s=rate_per_s,
        )

    async def run(self, plan: LoadPlan) -> LoadResult:
        """The load has run in a process of its own."""
        told, result = self._stack.folder / f"{plan.name}.plan.json", self._stack.folder / f"{plan.name}.json"
        told.write_text(plan.model_dump_json())
        load = self._stack.python(f"load-{plan.name}", ["-m", "bench.load", str(told), str(result)])
        load.start()
        await until_ended(load)
        return LoadResult.model_validate_json(result.read_bytes())

    async def measure(self, plan: LoadPlan) -> Loaded:
        """Figures of the load, once everything that it caused is done."""
        completed = await self._engine.completed(WORKFLOW)
        meter = Meter(self._stack.pids)
        result = await self.run(plan)
        lag_s, told_after_s = await self.settled(completed, result)
        spent_ms = {**meter.spent_ms(), "load": result.cpu_ms}
        calls = self._calls(plan.name, result)
        return Loaded(
            asked=plan.payments,
            succeeded=len(result.succeeded),
            refusals=result.refusals,
            payments_per_s=result.rate_per_s,
            cpu_ms={name: spent / max(1, len(result.succeeded)) for name, spent in spent_ms.items()},
            post=Latency.of([(one.answered_at - one.due_at) * 1_000 for one in result.payments]),
            with_pay=sum(one.with_pay for one in result.payments),
            callback_to_succeeded=Latency.of([ended for ended, _ in calls]),
            callback_to_seen=Latency.of([seen for _, seen in calls]),
            lag_s=lag_s,
            told_after_s=told_after_s,
            others_share=meter.others_share(),
        )

    async def settled(self, completed: int, result: LoadResult) -> tuple[float, float]:
        """Seconds from the last `succeeded` until the list has all ends, and until every webhook is delivered.

        `completed` is how many ends it had before.
        """
        lag_s = self._engine.lag_s(WORKFLOW, completed + len(result.succeeded), since=result.ended_at)
        return await asyncio.gather(lag_s, self.told(result.ended_at))

    async def told(self, since: float) -> float:
        """Seconds from `since` until every event is handed over and every webhook delivered."""
        while untold := self._rows.untold():
            if time.time() - since > TELLING_LIMIT_S:
                raise BenchError(f"{untold} events and deliveries still wait {TELLING_LIMIT_S:.0f} s after the load.")
            await asyncio.sleep(LOOK_EVERY_S)
        return time.time() - since

    def _calls(self, name: str, result: LoadResult) -> list[tuple[float, float]]:
        """From a callback to the start of its payment's last transaction, and to when the load saw its end, in ms.

        A payment that a poll brought home before its callback came is left out.
        """
        moments = self._rows.moments(name)
        found = []
        for payment in result.succeeded:
            called = moments.get(payment.payment_id)
            if called and payment.succeeded_at and called.called_at <= called.ended_at:
                seen_ms = (payment.succeeded_at - called.called_at) * 1_000
                found.append(((called.ended_at - called.called_at) * 1_000, seen_ms))
        return found
