"""How soon payments move again when the only worker is killed under load, and how much memory a worker takes."""

import asyncio
import time
from collections.abc import Mapping

from bench.bench import Bench
from bench.marks import Marks
from bench.memory import memory_of
from bench.plans import LoadResult, Seen
from bench.results import Kill, Recovery
from bench.stack import LOOPS, QUEUES

KILLS = 3
BETWEEN_S = 12.0
IDLE_S = 5.0
#: What only a worker writes: when the first of these is later than the kill, the payment has moved again.
MOVES = ("opened_at", "tried_at", "sent_at", "known_at", "applied_at", "confirming_at")


async def recovery(bench: Bench) -> Recovery:
    """`kill -9` and a new process at once, several times under half the payments/s of saturation."""
    loading = await bench.loading()
    await bench.payer_takes(0)
    bench.stack.employ((QUEUES, LOOPS))
    await asyncio.sleep(IDLE_S)
    idle = memory_of(bench.stack.worker.child.pid)
    rate_per_s = bench.saturation_per_s() / 2
    between_s = BETWEEN_S if not bench.sizes.quick else BETWEEN_S / 2
    plan = loading.plan("recovery", round(rate_per_s * between_s * (KILLS + 1)), rate_per_s=rate_per_s)
    completed = await (await bench.engine()).completed("Payment")
    running = asyncio.create_task(loading.run(plan))
    kills = [await _kill(bench, between_s) for _ in range(KILLS)]
    result = await running
    await loading.settled(completed, [result])
    marks = loading.marks.read(plan.name, began_at=result.began_at)
    return Recovery(
        rate_per_s=rate_per_s,
        asked=plan.payments,
        succeeded=len(result.succeeded),
        kills=[recovered(result, marks, killed_at=killed_at, polled_at=polled_at) for killed_at, polled_at in kills],
        idle=idle,
        after_load=memory_of(bench.stack.worker.child.pid),
    )


async def _kill(bench: Bench, after_s: float) -> tuple[float, float]:
    """When the worker was killed, and when a new one polled."""
    await asyncio.sleep(after_s)
    bench.stack.worker.child.kill()
    killed_at = time.time()
    bench.stack.up(bench.stack.worker)
    return killed_at, time.time()


def recovered(result: LoadResult, marks: Mapping[str, Marks], *, killed_at: float, polled_at: float) -> Kill:
    """What the kill did to payments that were claimed before a worker polled again, and had not ended by the kill."""
    hit = [one for one in result.payments if _was_open(marks[one.payment_id], killed_at, polled_at)]
    moved_at = max((_moved_at(marks[one.payment_id], killed_at) for one in hit), default=polled_at)
    return Kill(
        open_payments=len(hit),
        polled_s=polled_at - killed_at,
        moved_s=moved_at - killed_at,
        moved_after_poll_s=max(0.0, moved_at - polled_at),
        ended_s=max((_ended_at(one) for one in hit), default=polled_at) - killed_at,
    )


def _was_open(marks: Marks, killed_at: float, polled_at: float) -> bool:
    began_at = marks["claimed_at"] or marks["opened_at"]
    return bool(began_at <= polled_at and killed_at < (marks["committed_at"] or marks["confirming_at"]))


def _moved_at(marks: Marks, killed_at: float) -> float:
    return min(float(marks[name]) for name in MOVES if marks[name] is not None and marks[name] > killed_at)


def _ended_at(payment: Seen) -> float:
    """A payment that was given up is told of by the number that succeeded."""
    return payment.succeeded_at or payment.failed_at or 0.0
