"""Turns of ours and of the peer, one after another, each on a stack of its own that starts empty."""

import importlib.util
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from bench.engine import Engine
from bench.errors import BenchError
from bench.loading import Loading
from bench.onboarding import onboarded, pay_after
from bench.peers.dbos_engine import DbosEngine
from bench.peers.dbos_stack import DbosStack
from bench.peers.killing import Killed, measure_kill
from bench.peers.truth import Truth, read_truth
from bench.peers.writes import Writes, Written
from bench.results import Loaded
from bench.stack import BenchStack

OURS, THEIRS, INLINE = "paysaga", "dbos", "dbos in the API"
SIDES = (OURS, THEIRS, INLINE)
PAYER_TAKES_MS = 1_000


class Sizes(BaseModel):
    """Which sides take turns, how often, and how much each turn is asked for; the rate is the same for all."""

    model_config = ConfigDict(frozen=True)

    sides: tuple[str, ...] = SIDES
    rounds: int = 2
    payments: int = 500
    warm_up: int = 100
    rate_per_s: float = 10.0


class Turn(BaseModel):
    """One side, once: as fast as it goes with 32 in flight, then at the common rate, then with its worker killed.

    Nothing is killed where payments run inside the API: its end is that of the connections as well. `truth` is told
    of all loads of the turn.
    """

    model_config = ConfigDict(frozen=True)

    side: str
    saturation: Loaded
    written: Written
    steady: Loaded
    killed: Killed | None
    truth: Truth


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
    if sizes.sides != (OURS,) and importlib.util.find_spec("dbos") is None:
        raise BenchError("The peer needs dbos, which is not installed: `make bench-peers` installs it.")
    return Comparison(sizes=sizes, turns=[await _turn(side, sizes, say) for side in sizes.sides * sizes.rounds])


async def _turn(side: str, sizes: Sizes, say: Callable[[str], None]) -> Turn:
    stack = BenchStack(say) if side == OURS else DbosStack(say, inline=side == INLINE)
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
    before = Writes.now(stack.postgres)
    saturation = await loading.measure(loading.plan("saturation", sizes.payments))
    written = Writes.now(stack.postgres).of_each(before, saturation.succeeded)
    await pay_after(stack.plan, PAYER_TAKES_MS)
    say(f"{side}: {sizes.payments} payments at {sizes.rate_per_s:.0f} a second")
    steady = await loading.measure(loading.plan("steady", sizes.payments, rate_per_s=sizes.rate_per_s))
    killed = None
    if side != INLINE:
        say(f"{side}: the same, and the worker is killed")
        killed = await measure_kill(stack, loading, payments=sizes.payments // 2, rate_per_s=sizes.rate_per_s)
    truth = await read_truth(stack)
    return Turn(side=side, saturation=saturation, written=written, steady=steady, killed=killed, truth=truth)


async def _engine(side: str, stack: BenchStack) -> Engine:
    if side == OURS:
        return await Engine.connect(stack.temporal.address, stack.metrics_url)
    return DbosEngine(stack.postgres)
