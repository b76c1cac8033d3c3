"""`python -m bench.sizing`: from what one payment costs to what so many a second need; arithmetic, nothing is measured.

Every input is an option, so that the figures of another machine give another machine's table.
"""

import argparse
import math
import sys
from dataclasses import dataclass, fields

from devstack.terminal import table

RATES = (36, 100, 1_000, 10_000)
DAY_S = 86_400
GIB, MIB = 2**30, 2**20
SHARDS_MIN = 128


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What one mixed payment costs, and how far anything may be filled."""

    temporal_ms: float = 25.8
    worker_ms: float = 23.7
    api_ms: float = 7.4
    postgres_ms: float = 10.2
    database_kib: float = 25.0
    partitioned_kib: float = 17.3
    wal_kib: float = 31.0
    state_transitions: float = 10.0
    transactions: float = 9.0
    webhooks: float = 2.0
    webhook_s: float = 0.3
    busy: float = 0.6
    connections: float = 16.0
    transitions_a_shard: float = 40.0
    peak_over_mean: float = 5.0
    merchant_postings: float = 2_400.0


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What so many payments a second need at their peak."""

    rate: float
    worker_processes: int
    api_processes: int
    temporal_cores: int
    postgres_cores: int
    state_transitions: float
    shards: int
    transactions: float
    wal_mib: float
    connections: int
    webhook_calls: float
    database_gib_day: float
    detachable_gib_day: float
    merchant_share: float


def needs(inputs: Inputs, rate: float) -> Needs:
    """The needs of that many payments a second; one core of a process or a server is used to `busy` at most."""
    workers = _cores(inputs.worker_ms, rate, inputs.busy)
    apis = _cores(inputs.api_ms, rate, inputs.busy)
    payments_a_day = rate / inputs.peak_over_mean * DAY_S
    transitions = rate * inputs.state_transitions
    return Needs(
        rate=rate,
        worker_processes=workers,
        api_processes=apis,
        temporal_cores=_cores(inputs.temporal_ms, rate, inputs.busy),
        postgres_cores=_cores(inputs.postgres_ms, rate, inputs.busy),
        state_transitions=transitions,
        shards=max(SHARDS_MIN, _power_of_two(transitions / inputs.transitions_a_shard)),
        transactions=rate * inputs.transactions,
        wal_mib=rate * inputs.wal_kib / 1_024,
        connections=math.ceil((workers + apis) * inputs.connections),
        webhook_calls=rate * inputs.webhooks * inputs.webhook_s,
        database_gib_day=payments_a_day * inputs.database_kib * 1_024 / GIB,
        detachable_gib_day=payments_a_day * inputs.partitioned_kib * 1_024 / GIB,
        merchant_share=min(1.0, inputs.merchant_postings / rate),
    )


def _cores(cost_ms: float, rate: float, busy: float) -> int:
    return math.ceil(rate * cost_ms / 1_000 / busy)


def _power_of_two(least: float) -> int:
    return 1 << math.ceil(math.log2(max(1.0, least)))


def report(inputs: Inputs, rates: tuple[float, ...] = RATES) -> str:
    """A row for each need, a column for each rate."""
    found = [needs(inputs, rate) for rate in rates]
    rows = [
        ("worker processes, a core each", *(f"{one.worker_processes:,}" for one in found)),
        ("API processes, a core each", *(f"{one.api_processes:,}" for one in found)),
        ("cores of Temporal's servers", *(f"{one.temporal_cores:,}" for one in found)),
        ("cores of our PostgreSQL", *(f"{one.postgres_cores:,}" for one in found)),
        ("state transitions of Temporal, /s", *(f"{one.state_transitions:,.0f}" for one in found)),
        ("history shards, at least", *(f"{one.shards:,}" for one in found)),
        ("our transactions, /s", *(f"{one.transactions:,.0f}" for one in found)),
        ("our WAL, MiB/s", *(f"{one.wal_mib:,.1f}" for one in found)),
        ("connections asked for", *(f"{one.connections:,}" for one in found)),
        ("webhook calls under way", *(f"{one.webhook_calls:,.0f}" for one in found)),
        ("our rows, GiB a day", *(f"{one.database_gib_day:,.1f}" for one in found)),
        ("of them detachable, GiB a day", *(f"{one.detachable_gib_day:,.1f}" for one in found)),
        ("one merchant's share, at most", *(f"{one.merchant_share:.0%}" for one in found)),
    ]
    return table(("payments a second, at the peak", *(f"{rate:,.0f}" for rate in rates)), rows)


def parse(arguments: list[str] | None = None) -> Inputs:
    """The inputs: each is an option with the default of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description=__doc__)
    for one in fields(Inputs):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=float, default=one.default)
    return Inputs(**vars(parser.parse_args(arguments)))


def main() -> int:
    """The table is printed."""
    sys.stdout.write(report(parse()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
