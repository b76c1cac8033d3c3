"""The comparison as a table: a row for each figure, a column for each side."""

from collections.abc import Callable, Sequence

from bench.peers.comparison import Comparison, Turn
from bench.peers.killing import Killed
from devstack.terminal import table

Reading = Callable[[Turn], float | None]


def report(comparison: Comparison) -> str:
    """Every figure, side by side; the turns of one side stand in the order in which they ran."""
    sides = comparison.sizes.sides
    rows = [(name, *(shown(comparison.of(side), read) for side in sides)) for name, read in _FIGURES]
    return table(("", *sides), rows)


def shown(turns: Sequence[Turn], read: Reading) -> str:
    """The figure of each turn; a dash where there is none."""
    values = [read(turn) for turn in turns]
    return " · ".join("-" if value is None else f"{value:.1f}".removesuffix(".0") for value in values)


def _cpu(process: str) -> Reading:
    return lambda turn: turn.saturation.cpu_ms.get(process)


def _killed(read: Callable[[Killed], float | None]) -> Reading:
    return lambda turn: None if turn.killed is None else read(turn.killed)


_FIGURES: Sequence[tuple[str, Reading]] = (
    ("32 in flight: payments/s", lambda turn: turn.saturation.payments_per_s),
    ("32 in flight: CPU of a payment, ms", lambda turn: sum(turn.saturation.cpu_ms.values())),
    *((f"    {process}, ms", _cpu(process)) for process in ("Temporal", "worker", "API", "PostgreSQL", "simulator")),
    ("32 in flight: commits of a payment, reads and polls among them", lambda turn: turn.written.commits),
    ("32 in flight: write-ahead log of a payment, kB", lambda turn: turn.written.wal_kb),
    ("32 in flight: webhooks delivered after, s", lambda turn: turn.saturation.told_after_s),
    ("steady: succeeded", lambda turn: turn.steady.succeeded),
    ("steady: POST p50, ms", lambda turn: turn.steady.post.p50_ms),
    ("steady: POST p99, ms", lambda turn: turn.steady.post.p99_ms),
    ("steady: callback to succeeded p50, ms", lambda turn: turn.steady.callback_to_succeeded.p50_ms),
    ("steady: callback to succeeded p99, ms", lambda turn: turn.steady.callback_to_succeeded.p99_ms),
    ("steady: CPU of a payment, ms", lambda turn: sum(turn.steady.cpu_ms.values())),
    ("killed: asked for", _killed(lambda killed: killed.asked)),
    ("killed: succeeded", _killed(lambda killed: killed.succeeded)),
    ("killed: POSTs refused", _killed(lambda killed: len(killed.refusals))),
    ("killed: open at the kill", _killed(lambda killed: killed.open_at_kill)),
    ("killed: a new worker ready after, s", _killed(lambda killed: killed.down_s)),
    ("killed: all moved so long after the kill, s", _killed(lambda killed: killed.moved_after_kill_s)),
    ("killed: all moved so long after it was ready, s", _killed(lambda killed: killed.moved_after_ready_s)),
    ("killed: slowest payment, s", _killed(lambda killed: killed.slowest_s)),
    ("all loads: payments lost", lambda turn: turn.truth.lost),
    ("all loads: payments doubled", lambda turn: turn.truth.doubled),
    ("all loads: succeeded unpaid", lambda turn: turn.truth.unpaid),
    ("all loads: payments without an end", lambda turn: turn.truth.unended),
    ("all loads: broken invariants", lambda turn: len(turn.truth.broken)),
    ("other programs' share of the machine, %", lambda turn: turn.saturation.others_share * 100),
)
