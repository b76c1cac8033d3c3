"""How much memory a process has, as the kernel counts it."""

from bench.cpu import PROC
from bench.results import Memory

KILOBYTES_IN_MEGABYTE = 1024


def memory_of(pid: int) -> Memory:
    """Now."""
    return parse((PROC / str(pid) / "smaps_rollup").read_text())


def parse(text: str) -> Memory:
    """From the text of `/proc/PID/smaps_rollup` (proc(5)), whose sizes are in kB."""
    sizes = dict(line.split(":", 1) for line in text.splitlines() if line.endswith("kB"))
    rss_mb, pss_mb = (int(sizes[name].split()[0]) / KILOBYTES_IN_MEGABYTE for name in ("Rss", "Pss"))
    return Memory(rss_mb=rss_mb, pss_mb=pss_mb)
