"""The comparison with the peer: what it makes of its measurements, and that the peer's payment works."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from bench.peers.__main__ import parse
from bench.peers.comparison import OURS, THEIRS, Comparison
from bench.peers.killing import what_it_cost
from bench.peers.truth import Truth, compared
from bench.peers.writes import Writes
from bench.plans import LoadResult, Seen
from tests.tidy.tree import ROOT

SOUND = Truth(succeeded=0, lost=0, doubled=0, unpaid=0, unended=0, broken=[])
RUN_LIMIT_S = 300.0


def _attempt(payment_id: str, state: str, out_no: str) -> dict[str, object]:
    return {"id": payment_id, "state": state, "out_no": out_no, "amount_minor": 100}


def _order(out_no: str, state: str = "paid", amount_minor: int = 100) -> dict[str, object]:
    return {"out_no": out_no, "state": state, "amount_minor": amount_minor}


def _seen(due_at: float, succeeded_at: float | None) -> Seen:
    return Seen(payment_id="pay", due_at=due_at, answered_at=due_at, with_pay=True, succeeded_at=succeeded_at)


def test_each_payment_that_the_channel_was_paid_for_once_is_sound() -> None:
    """One paid order of the same amount for each that succeeded, and none for the others."""
    attempts = [_attempt("a", "succeeded", "1"), _attempt("b", "closed", "2")]
    truth = compared(attempts, [_order("1"), _order("2", "closed")])
    assert (1, True) == (truth.succeeded, truth.sound)


@pytest.mark.parametrize(
    ("found", "attempts", "orders"),
    [
        ("lost", [_attempt("a", "closed", "1")], [_order("1")]),
        ("doubled", [_attempt("a", "succeeded", "1"), _attempt("a", "succeeded", "2")], [_order("1"), _order("2")]),
        ("unpaid", [_attempt("a", "succeeded", "1")], [_order("1", "waiting")]),
        ("unpaid", [_attempt("a", "succeeded", "1")], [_order("1", amount_minor=99)]),
        ("unended", [_attempt("a", "awaiting_payer", "1")], [_order("1", "waiting")]),
    ],
)
def test_a_difference_from_the_channels_book_is_found(
    found: str, attempts: list[dict[str, object]], orders: list[dict[str, object]]
) -> None:
    """Each kind is counted under its own name, and alone."""
    truth = compared(attempts, orders)
    assert SOUND.model_copy(update={found: 1, "succeeded": truth.succeeded}) == truth
    assert not truth.sound


def test_a_broken_invariant_is_not_sound() -> None:
    """Whatever the channel says."""
    assert not compared([], [], broken=["041_sums"]).sound


def test_what_a_kill_cost_is_told_of_the_payments_it_found_open() -> None:
    """Those that had ended, and those that came later, do not count; the slowest of all does."""
    payments = [_seen(1.0, 9.0), _seen(8.0, 14.0), _seen(9.0, 12.0), _seen(11.0, 30.0)]
    load = LoadResult(payments=payments, refusals=[], polls=1, cpu_ms=1.0, began_at=0.0)
    cost = what_it_cost(load, (10.0, 13.0), asked=4)
    assert (2, 3.0, 4.0) == (cost.open_at_kill, cost.down_s, cost.moved_after_kill_s)
    assert (1.0, 19.0) == (cost.moved_after_ready_s, cost.slowest_s)


def test_a_payment_that_never_moved_has_no_figure() -> None:
    """It is not told as if it had moved at once."""
    load = LoadResult(payments=[_seen(8.0, None)], refusals=[], polls=1, cpu_ms=1.0, began_at=0.0)
    cost = what_it_cost(load, (10.0, 13.0), asked=1)
    assert (1, None, None) == (cost.open_at_kill, cost.moved_after_kill_s, cost.moved_after_ready_s)


def test_what_was_written_is_shared_among_the_payments() -> None:
    """Only what came since; a load without payments has no division by zero."""
    written = Writes(wal_bytes=90_000, commits=70).of_each(Writes(wal_bytes=10_000, commits=30), 4)
    assert (20.0, 10.0) == (written.wal_kb, written.commits)
    assert 0.0 == Writes(wal_bytes=1, commits=1).of_each(Writes(wal_bytes=1, commits=1), 0).commits


def test_all_sides_take_turns_unless_one_is_named() -> None:
    """`--only` names one."""
    assert (None, [THEIRS]) == (parse([]).only, parse(["--only", THEIRS]).only)
    assert OURS != THEIRS


@pytest.mark.skipif(importlib.util.find_spec("dbos") is None, reason="dbos is installed by `make bench-peers` alone")
def test_the_peers_payments_succeed_though_its_worker_is_killed(tmp_path: Path) -> None:
    """End to end on a stack of its own: every payment that was asked for, each collected once, all invariants."""
    written = tmp_path / "peer.json"
    words = ["--only", THEIRS, "--rounds", "1", "--payments", "20", "--quick", "--json", str(written)]
    subprocess.run([sys.executable, "-m", "bench.peers", *words], cwd=ROOT, timeout=RUN_LIMIT_S, check=True)
    (turn,) = Comparison.model_validate_json(written.read_bytes()).of(THEIRS)
    assert turn.killed is not None
    assert [20, 20] == [turn.saturation.succeeded, turn.steady.succeeded]
    assert 10 == turn.killed.succeeded + len(turn.killed.refusals)
    assert [] == turn.truth.broken
    assert turn.truth.sound
