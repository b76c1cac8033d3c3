"""Turns of ours and of the peer, one after another, each on a stack of its own that starts empty."""

import importlib.util
from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from bench.engine import Engine
from bench.errors import BenchError
from bench.loading import Loading
from bench.onboarding import onboarded, pay_after
from bench.peers.dbos_engine import DbosEngine
from bench.peers.dbos_stack import DbosStack
from bench.peers.killing import Killed, measure_kill
from bench.results import Loaded
from bench.stack import BenchStack

OURS, THEIRS = "paysaga", "dbos"
PAYER_TAKES_MS = 1_000


class Sizes(BaseModel):
    """Which sides take turns, how often, and how much each turn is asked for; the rate is the same for all."""

    model_config = ConfigDict(frozen=True)

    sides: tuple[str, ...] = (OURS, THEIRS)
    rounds: int = 2
    payments: int = 500
    warm_up: int = 100
    rate_per_s: float = 10.0


class Turn(BaseModel):
    """One side, once: as fast as it goes with 32 in flight, then at the common rate, then with its worker killed."""

    model_config = ConfigDict(frozen=True)

    side: str
    saturation: Loaded
    steady: Loaded
    killed: Killed


class Comparison(BaseModel):
    """All turns in the order in which they ran."""

    model_config = ConfigDict(frozen=True)

    sizes: Sizes
    turns: list[Turn]

    def of(self, side: str) -> list[Turn]:
        """The turns of one side."""
        return [turn for turn in self.turns if turn.side == side]


async def compare(sizes: Sizes, say: Callable[[str], None]) -> Comparison:
    """Ours and theirs in turns, so that what the machine does besides meets both. BenchError without dbos."""
    if THEIRS in sizes.sides and importlib.util.find_spec("dbos") is None:
        raise BenchError("The peer needs dbos, which is not installed: `make bench-peers` installs it.")
    return Comparison(sizes=sizes, turns=[await _turn(side, sizes, say) for side in sizes.sides * sizes.rounds])


async def _turn(side: str, sizes: Sizes, say: Callable[[str], None]) -> Turn:
    stack = BenchStack(say) if side == OURS else DbosStack(say)
    try:
        stack.start_engine()
        return await _measured(side, stack, sizes, say)
    finally:
        stack.stop()


async def _measured(side: str, stack: BenchStack, sizes: Sizes, say: Callable[[str], None]) -> Turn:
    engine = await _engine(side, stack)
    stack.start_centre()
    loading = Loading(stack, engine, await onboarded(stack.plan))
    await pay_after(stack.plan, 0)
    say(f"{side}: warming up")
    await loading.measure(loading.plan("warm-up", sizes.warm_up))
    say(f"{side}: {sizes.payments} payments, 32 in flight")
    saturation = await loading.measure(loading.plan("saturation", sizes.payments))
    await pay_after(stack.plan, PAYER_TAKES_MS)
    say(f"{side}: {sizes.payments} payments at {sizes.rate_per_s:.0f} a second")
    steady = await loading.measure(loading.plan("steady", sizes.payments, rate_per_s=sizes.rate_per_s))
    say(f"{side}: the same, and the worker is killed")
    killed = await measure_kill(stack, loading, payments=sizes.payments // 2, rate_per_s=sizes.rate_per_s)
    return Turn(side=side, saturation=saturation, steady=steady, killed=killed)


async def _engine(side: str, stack: BenchStack) -> Engine:
    if side == OURS:
        return await Engine.connect(stack.temporal.address, stack.metrics_url)
    return DbosEngine(stack.postgres)


def figures(comparison: Comparison) -> Sequence[tuple[str, str, str]]:
    """A row for each figure: its name, and for each side the figures of its turns in order."""
    ours, theirs = comparison.of(OURS), comparison.of(THEIRS)
    return [(name, _shown(ours, read), _shown(theirs, read)) for name, read in _FIGURES]


def _shown(turns: Sequence[Turn], read: Callable[[Turn], float | None]) -> str:
    values = [read(turn) for turn in turns]
    return " · ".join("never" if value is None else f"{value:.1f}".removesuffix(".0") for value in values)


_FIGURES: Sequence[tuple[str, Callable[[Turn], float | None]]] = (
    ("32 in flight: payments/s", lambda turn: turn.saturation.payments_per_s),
    ("32 in flight: CPU of a payment, ms", lambda turn: sum(turn.saturation.cpu_ms.values())),
    ("    worker, ms", lambda turn: turn.saturation.cpu_ms["worker"]),
    ("    API, ms", lambda turn: turn.saturation.cpu_ms["API"]),
    ("    PostgreSQL, ms", lambda turn: turn.saturation.cpu_ms["PostgreSQL"]),
    ("    Temporal, ms", lambda turn: turn.saturation.cpu_ms.get("Temporal", 0.0)),
    ("32 in flight: webhooks delivered after, s", lambda turn: turn.saturation.told_after_s),
    ("steady: succeeded", lambda turn: turn.steady.succeeded),
    ("steady: POST p50, ms", lambda turn: turn.steady.post.p50_ms),
    ("steady: POST p99, ms", lambda turn: turn.steady.post.p99_ms),
    ("steady: callback to succeeded p50, ms", lambda turn: turn.steady.callback_to_succeeded.p50_ms),
    ("steady: callback to succeeded p99, ms", lambda turn: turn.steady.callback_to_succeeded.p99_ms),
    ("steady: CPU of a payment, ms", lambda turn: sum(turn.steady.cpu_ms.values())),
    ("killed: asked for", lambda turn: turn.killed.asked),
    ("killed: succeeded", lambda turn: turn.killed.succeeded),
    ("killed: POSTs refused", lambda turn: len(turn.killed.refusals)),
    ("killed: open at the kill", lambda turn: turn.killed.open_at_kill),
    ("killed: a new worker ready after, s", lambda turn: turn.killed.down_s),
    ("killed: all moved so long after the kill, s", lambda turn: turn.killed.moved_after_kill_s),
    ("killed: all moved so long after it was ready, s", lambda turn: turn.killed.moved_after_ready_s),
    ("killed: slowest payment, s", lambda turn: turn.killed.slowest_s),
    ("all loads: payments lost", lambda turn: turn.killed.truth.lost),
    ("all loads: payments doubled", lambda turn: turn.killed.truth.doubled),
    ("all loads: succeeded unpaid", lambda turn: turn.killed.truth.unpaid),
    ("all loads: payments without an end", lambda turn: turn.killed.truth.unended),
    ("all loads: broken invariants", lambda turn: len(turn.killed.truth.broken)),
    ("other programs' share of the machine, %", lambda turn: turn.saturation.others_share * 100),
)
