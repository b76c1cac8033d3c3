"""What the bench makes of its measurements."""

import pytest

import worker
from bench import empty_worker
from bench.cpu import parse_stat
from bench.errors import BenchError
from bench.figures import Figure, short
from bench.machine import Machine
from bench.metrics import count_by
from bench.percentiles import Latency, quantile
from bench.phases.counting import last_counts

SERVER_PAGE = """# TYPE action counter
action{action_type="command_StartTimer",namespace="default",operation="RespondWorkflowTaskCompleted"} 3
action{action_type="command_StartTimer",namespace="default",operation="RespondQuery"} 2
action{action_type="command_StartTimer",namespace="temporal_system",operation="RespondWorkflowTaskCompleted"} 7
action_other{action_type="command_StartTimer",namespace="default"} 9
"""


def test_quantile_is_a_value_that_occurred() -> None:
    """The smallest value that the share of all values does not exceed."""
    assert 50 == quantile(range(1, 101), 0.50)
    assert 99 == quantile(range(100, 0, -1), 0.99)
    assert 3 == quantile([3], 0.99)
    assert None is quantile([], 0.5)


def test_latency_of_nothing_has_no_figures() -> None:
    """A phase without calls reports none instead of a zero."""
    assert Latency(count=0, p50_ms=None, p99_ms=None, max_ms=None) == Latency.of([])


@pytest.mark.parametrize(
    ("value", "at_least", "holds"), [(25, True, True), (24.9, True, False), (25, False, True), (25.1, False, False)]
)
def test_aim_holds_at_its_bound(value: float, at_least: bool, holds: bool) -> None:  # noqa: FBT001 - parameters
    """A bound from above unless it is one from below; the bound itself holds."""
    assert holds == Figure("rate", value, "/s", 25, at_least=at_least).holds


def test_figure_that_was_not_measured_neither_holds_nor_fails() -> None:
    """Nothing is claimed without a measurement."""
    assert ("p99", "-", "≤ 300", "") == Figure("p99", None, "ms", 300).row()


def test_processor_time_includes_children_that_ended() -> None:
    """A database's ended sessions count; a name with spaces and parentheses does not shift the fields."""
    line = "12 (a (b) c) S 7 12 12 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 100 200 300"
    parent, spent_ms = parse_stat(line)
    assert (7, 1_000.0) == (parent, spent_ms)


def test_others_share_is_what_neither_we_nor_idleness_had() -> None:
    """Half idle, a quarter ours: a quarter is others'."""
    before = Machine.parse("cpu  0 0 0 0 0 0 0 0 0 0\n")
    after = Machine.parse("cpu  150 0 50 150 50 0 0 0 0 0\ncpu0 1 1 1 1\n")
    assert 0.25 == after.others_share(before, ours_ms=1_000)


def test_actions_are_those_of_our_namespace() -> None:
    """Series of other namespaces and other counters do not count; labels that do not matter are summed over."""
    assert {"command_StartTimer": 5} == count_by(SERVER_PAGE, "action", "action_type", namespace="default")


NEWEST_END = '{"event":"committed","transactions":{"a":2},"reads":{"b":3}}'


def test_counts_are_those_of_the_last_end() -> None:
    """A worker that was started again logs again; the newest line counts."""
    ends = ('{"event":"committed","transactions":{"a":1},"reads":{}}', "{}", NEWEST_END, "{}")
    assert ({"a": 2}, {"b": 3}) == last_counts("\n".join(ends))
    with pytest.raises(BenchError):
        last_counts('{"event":"other"}\n')


def test_floor_is_measured_with_the_options_of_our_worker() -> None:
    """The bench cannot import `worker`, so it repeats the options; a ratio of two settings would mean nothing."""
    limits = ("GRACE", "STICKY_LIMIT", "CACHED_WORKFLOWS", "WORKFLOW_TASKS", "LOCAL_ACTIVITIES", "ACTIVITIES")
    names = (*limits, "WORKFLOW_POLLERS", "FIRST_TASKS")
    assert {name: getattr(worker, name) for name in names} == {name: getattr(empty_worker, name) for name in names}


def test_figures_show_what_a_person_reads() -> None:
    """Ratios with two digits, small figures with one, large ones and whole ones with none."""
    assert ["0.27", "45.7", "1,235", "3", "2"] == [short(value) for value in (0.27, 45.678, 1234.6, 3.0, 2)]
