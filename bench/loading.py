"""Loads of payments, and what they cost."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from bench.children import until_ended
from bench.engine import Engine
from bench.errors import BenchError
from bench.marks import MarkReader, Marks, answer_phases, call_phases, was_called
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
        self.shop = shop
        self.database_url = stack.plan.addresses.database_url
        self.rows = Rows(stack.postgres)

    def look_at(self, database_url: str, rows: Rows) -> None:
        """Loads are seen in this database from now on."""
        self.database_url, self.rows = database_url, rows

    def plan(self, name: str, payments: int, *, in_flight: int = 32, rate_per_s: float | None = None) -> LoadPlan:
        """A load of this shop."""
        return LoadPlan(
            name=name,
            shops=[self.shop],
            database_url=self.database_url,
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
        return (await self.measure_together([plan]))[0]

    async def measure_together(self, plans: Sequence[LoadPlan]) -> list[Loaded]:
        """Loads that run at the same time; processor time is that of a payment of any of them."""
        completed = await self._engine.completed(WORKFLOW)
        meter = Meter(self._stack.pids)
        results = await asyncio.gather(*(self.run(plan) for plan in plans))
        lag_s, told_after_s = await self.settled(completed, results)
        spent_ms = {**meter.spent_ms(), "load": sum(result.cpu_ms for result in results)}
        ended = max(1, sum(len(result.ended) for result in results))
        cpu_ms = {name: spent / ended for name, spent in spent_ms.items()}
        others_share = meter.others_share()
        return [
            _loaded(
                plan,
                result,
                marks=self.marks.read(plan.name, began_at=result.began_at),
                whole={"cpu_ms": cpu_ms, "lag_s": lag_s, "told_after_s": told_after_s, "others_share": others_share},
            )
            for plan, result in zip(plans, results, strict=True)
        ]

    async def settled(self, completed: int, results: Sequence[LoadResult]) -> tuple[float, float]:
        """Seconds from the last end until the list has all ends, and until every webhook is delivered.

        `completed` is how many ends it had before.
        """
        ended_at = max(result.ended_at for result in results)
        ended = completed + sum(len(result.ended) for result in results)
        return await asyncio.gather(self._engine.lag_s(WORKFLOW, ended, since=ended_at), self.told(ended_at))

    @property
    def marks(self) -> MarkReader:
        """Reads when a payment was where."""
        return MarkReader(self.rows, self._stack.api.child.command.log)

    async def told(self, since: float) -> float:
        """Seconds from `since` until every event is handed over and every webhook delivered."""
        while untold := self.rows.untold():
            if time.time() - since > TELLING_LIMIT_S:
                raise BenchError(f"{untold} events and deliveries still wait {TELLING_LIMIT_S:.0f} s after the load.")
            await asyncio.sleep(LOOK_EVERY_S)
        return time.time() - since


def _loaded(plan: LoadPlan, result: LoadResult, *, marks: Mapping[str, Marks], whole: Mapping[str, object]) -> Loaded:
    called = _called(result, marks)
    return Loaded.model_validate(
        {
            "asked": plan.payments,
            "succeeded": len(result.succeeded),
            "failed": len(result.ended) - len(result.succeeded),
            "refusals": result.refusals,
            "repeats": result.repeats,
            "payments_per_s": result.rate_per_s,
            "post": Latency.of([one.answer_ms for one in result.payments if not one.failed_at]),
            "with_pay": sum(one.with_pay for one in result.payments),
            "callback_to_succeeded": Latency.of([ended for ended, _ in called]),
            "callback_to_seen": Latency.of([seen for _, seen in called]),
            "answer_phases": answer_phases(result.payments, marks),
            "call_phases": call_phases(result.succeeded, marks),
            **whole,
        }
    )


def _called(result: LoadResult, marks: Mapping[str, Marks]) -> list[tuple[float, float]]:
    """From a callback to the commit of its payment's `succeeded`, and to when the load saw it, in milliseconds.

    A payment that a poll brought home before its callback came is left out.
    """
    found = []
    for payment in result.succeeded:
        one = marks.get(payment.payment_id)
        if one and payment.succeeded_at and was_called(one):
            ended_at = one["committed_at"] or one["confirming_at"]
            found.append(((ended_at - one["kept_at"]) * 1_000, (payment.succeeded_at - one["kept_at"]) * 1_000))
    return found
