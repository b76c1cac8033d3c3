"""What Prometheus scrapes."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.admission import Admission
from store.database import Database

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10)

REQUESTS = Counter("paysaga_http_requests", "Requests answered.", ["method", "route", "status"], registry=None)
DURATION = Histogram(
    "paysaga_http_request_seconds", "Time to answer.", ["method", "route"], buckets=_BUCKETS, registry=None
)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """One answered request is counted; `route` is the path's template, so that ids make no series."""
    REQUESTS.labels(method, route, str(status)).inc()
    DURATION.labels(method, route).observe(seconds)


class CommitCollector(Collector):
    """The transactions that a database committed, by step, and its reading sessions, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The counts as they are now."""
        family = CounterMetricFamily("paysaga_database_commits", "Transactions committed.", labels=["step"])
        for step, count in self._database.commits.items():
            family.add_metric([step], count)
        yield family
        reads = CounterMetricFamily("paysaga_database_reads", "Reading sessions.", labels=["name"])
        for name, count in self._database.reads.items():
            reads.add_metric([name], count)
        yield reads


class TurnCollector(Collector):
    """Who waits for a turn in this process."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The lines as they are now: how many calls, and of how many merchants."""
        yield GaugeMetricFamily("paysaga_writes_waiting", "Calls that wait for a turn.", self._admission.waiting)
        yield GaugeMetricFamily("paysaga_writes_lines", "Merchants whose calls wait.", self._admission.lines)


def registry_for(database: Database, *others: Collector) -> CollectorRegistry:
    """Everything that this process tells."""
    registry = CollectorRegistry()
    for collector in (REQUESTS, DURATION, CommitCollector(database), *others):
        registry.register(collector)
    return registry
