"""The sizing is arithmetic on what one payment costs: nothing in it is guessed twice."""

import pytest

from bench.sizing import RATES, Inputs, needs, parse, report


def test_processes_follow_from_processor_time() -> None:
    """A process is one core and may be busy for a share of the time only; a part of a core is a core."""
    sized = needs(Inputs(worker_ms=12, api_ms=6, temporal_ms=30, postgres_ms=6, busy=0.6), 100)
    assert (2, 1, 5, 1) == (
        sized.worker_processes,
        sized.api_processes,
        sized.temporal_cores,
        sized.postgres_cores,
    )


def test_every_process_asks_for_its_connections() -> None:
    """Workers and API processes have a pool each."""
    sized = needs(Inputs(worker_ms=12, api_ms=6, busy=0.6, connections=16), 100)
    assert 16 * (2 + 1) == sized.connections


@pytest.mark.parametrize(("rate", "shards"), [(1, 128), (1_000, 256), (10_000, 4_096)])
def test_shards_are_a_power_of_two_that_is_never_small(rate: float, shards: int) -> None:
    """Their number is fixed for ever, so it is not sized for today: 10 transitions at 40 a shard."""
    assert shards == needs(Inputs(state_transitions=10, transitions_a_shard=40), rate).shards


def test_a_day_has_the_mean_rate() -> None:
    """Rows are stored at the mean, processes are sized for the peak."""
    sized = needs(Inputs(database_kib=1_024, partitioned_kib=512, peak_over_mean=5), 5)
    assert (84.375, 42.1875) == (sized.database_gib_day, sized.detachable_gib_day)


def test_one_merchant_is_bound_by_its_accounts() -> None:
    """However many machines there are, a merchant has one row for each of its accounts."""
    shares = [needs(Inputs(merchant_postings=2_400), rate).merchant_share for rate in (1_000, 4_800)]
    assert [1.0, 0.5] == shares


def test_the_table_has_a_column_for_each_rate() -> None:
    """The inputs of another machine are given as options."""
    head, _, workers = report(parse(["--worker-ms", "9"])).splitlines()[:3]
    assert [f"{rate:,}" for rate in RATES] == head.split()[-len(RATES) :]
    assert ["1", "2", "15", "150"] == workers.split()[-len(RATES) :]
