"""What the last look at the book said, for Prometheus."""

import asyncio
from collections.abc import Iterable

import structlog
from asyncpg import PostgresError
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from activities.verification import invariants
from store.database import Database
from store.verification import last_runs, open_findings

READ_LIMIT_S = 2

_NAMES = tuple(one.name for one in invariants())
_log = structlog.get_logger("metrics")


class FindingCollector(Collector):
    """How many findings of each invariant wait for somebody, and when a run of each scope came to its end."""

    def __init__(self, findings: dict[str, int], runs: dict[str, int]) -> None:
        self._findings = findings
        self._runs = runs

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The counts as they were read."""
        found = GaugeMetricFamily("paysaga_verify_findings", "Findings that wait.", labels=["invariant"])
        for name, count in self._findings.items():
            found.add_metric([name], count)
        yield found
        ran = GaugeMetricFamily("paysaga_verify_last_run_timestamp_seconds", "When a run ended.", labels=["scope"])
        for scope, at_s in self._runs.items():
            ran.add_metric([scope], at_s)
        yield ran


async def read_findings(database: Database) -> FindingCollector:
    """What is known now; empty while PostgreSQL does not answer, so that everything else is still told."""
    try:
        async with asyncio.timeout(READ_LIMIT_S), database.reading("metrics") as session:
            silent = dict.fromkeys(_NAMES, 0)
            return FindingCollector(silent | await open_findings(session), await last_runs(session))
    except (SQLAlchemyError, PostgresError, OSError, TimeoutError) as error:
        _log.warning("findings_unknown", reason=type(error).__name__)
        return FindingCollector({}, {})
