"""Processor time of one phase: by process, and what the machine did besides."""

import resource
from collections.abc import Callable, Mapping

from bench.cpu import cpu_ms, spent_ms
from bench.machine import Machine


class Meter:
    """Runs from its making; `pids` names the processes that are measured, and must name the same ones at the end."""

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids
        self._machine = Machine.now()
        self._bench_ms = _bench_ms()
        self._before = cpu_ms(pids())

    def spent_ms(self) -> dict[str, float]:
        """Since the start, by process."""
        return spent_ms(self._before, cpu_ms(self._pids()))

    def others_share(self) -> float:
        """The share of all processors that neither the measured processes nor the bench had."""
        ours_ms = sum(self.spent_ms().values()) + _bench_ms() - self._bench_ms
        return Machine.now().others_share(self._machine, ours_ms)


def _bench_ms() -> float:
    """Our own process, and its children that have ended: the loads among them."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used) * 1_000
