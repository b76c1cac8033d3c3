"""Processor time of processes, as the kernel counts it in `/proc`."""

import os
from collections.abc import Mapping
from pathlib import Path

from bench.errors import BenchError

PROC = Path("/proc")
TICK_MS = 1_000 / os.sysconf("SC_CLK_TCK")

# Positions in /proc/PID/stat behind the closing parenthesis of the name (proc(5)).
_PARENT, _OWN_AND_REAPED = 1, slice(11, 15)


def cpu_ms(pids: Mapping[str, int]) -> dict[str, float]:
    """Milliseconds that each process and its descendants, ended ones included, have used since they began."""
    if not PROC.exists():
        raise BenchError("Processor time is read from /proc, which this system does not have.")
    stats = _stats()
    return {name: sum(stats[one][1] for one in _tree(pid, stats)) for name, pid in pids.items()}


def spent_ms(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each process used between two readings."""
    return {name: after[name] - before[name] for name in after}


def parse_stat(line: str) -> tuple[int, float]:
    """The parent and the milliseconds, children that were waited for included, of one line of `/proc/PID/stat`."""
    fields = line.rpartition(")")[2].split()
    return int(fields[_PARENT]), sum(int(ticks) for ticks in fields[_OWN_AND_REAPED]) * TICK_MS


def _stats() -> dict[int, tuple[int, float]]:
    stats = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                stats[int(folder.name)] = parse_stat((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
                continue
    return stats


def _tree(root: int, stats: Mapping[int, tuple[int, float]]) -> set[int]:
    if root not in stats:
        raise BenchError(f"Process {root} ended during the measurement.")
    tree, added = {root}, {root}
    while added:
        added = {pid for pid, (parent, _) in stats.items() if parent in added} - tree
        tree |= added
    return tree
