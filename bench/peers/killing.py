"""`kill -9` of the worker under a steady load, started again at once as a supervisor would: what it cost the payers."""

import asyncio
import time
from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from bench.loading import Loading
from bench.plans import LoadResult, Seen
from bench.stack import BenchStack
from devstack.plan import DATABASE

KILLED_AFTER_SHARE = 0.4
LOOK_EVERY_S = 0.2
LIMIT_S = 60.0

_BEGUN = "SELECT count(*) FROM payment WHERE order_no LIKE '{name}-%'"
_RUNNING = "SELECT count(*) FROM payment WHERE state NOT IN ('succeeded', 'closed', 'failed')"


class Killed(BaseModel):
    """Seconds. `open_at_kill` payments were under way; the last of them succeeded so long after the kill, or None.

    A POST is refused (503) when no worker answers for eight seconds: what it began goes on, and the same call again
    would be answered; this load does not repeat it. `succeeded` counts what was answered.

    `down_s` is from the kill until a new worker was ready; `slowest_s` any payment's way from its POST to its end.
    """

    model_config = ConfigDict(frozen=True)

    asked: int
    succeeded: int
    refusals: list[str]
    open_at_kill: int
    down_s: float
    moved_after_kill_s: float | None
    slowest_s: float | None

    @property
    def moved_after_ready_s(self) -> float | None:
        """From a new worker that is ready until the last payment that was open at the kill had succeeded."""
        return None if self.moved_after_kill_s is None else self.moved_after_kill_s - self.down_s


async def measure_kill(stack: BenchStack, loading: Loading, *, payments: int, rate_per_s: float) -> Killed:
    """The load has ended, and everything it caused is done."""
    plan = loading.plan("kill", payments, rate_per_s=rate_per_s)
    load = asyncio.create_task(loading.run(plan))
    enough = round(payments * KILLED_AFTER_SHARE)
    await _until(lambda: _count(stack, _BEGUN.format(name=plan.name)) >= enough)
    stack.worker.child.kill()
    killed_at = time.time()
    stack.worker.start()
    ready_at = time.time()
    result = await load
    await _until(lambda: _count(stack, _RUNNING) == 0)
    await loading.told(result.ended_at)
    return what_it_cost(result, (killed_at, ready_at), asked=payments)


async def _until(holds: Callable[[], bool]) -> None:
    """It holds, or has not for a minute: then the figures say so."""
    deadline = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_EVERY_S)


def _count(stack: BenchStack, query: str) -> int:
    return int(stack.postgres.sql(query, database=DATABASE))


def what_it_cost(result: LoadResult, down: tuple[float, float], *, asked: int) -> Killed:
    """The figures of a load whose worker was `down` from the one moment to the other."""
    killed_at, ready_at = down
    open_at_kill = [one for one in result.payments if one.due_at < killed_at and not _ended_before(one, killed_at)]
    return Killed(
        asked=asked,
        succeeded=len(result.succeeded),
        refusals=result.refusals,
        open_at_kill=len(open_at_kill),
        down_s=ready_at - killed_at,
        moved_after_kill_s=_last_end(open_at_kill, [killed_at] * len(open_at_kill)),
        slowest_s=_last_end(result.payments, [one.due_at for one in result.payments]),
    )


def _ended_before(payment: Seen, moment: float) -> bool:
    return payment.succeeded_at is not None and payment.succeeded_at < moment


def _last_end(payments: Sequence[Seen], since: Sequence[float]) -> float | None:
    """The longest time until `succeeded`; None when one never got there, or there is none."""
    ends = [one.succeeded_at for one in payments]
    taken_s = [end - begun for end, begun in zip(ends, since, strict=True) if end is not None]
    return max(taken_s) if taken_s and len(taken_s) == len(ends) else None
