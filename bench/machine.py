"""What the machine's processors did besides us: figures taken on a busy machine are not ours alone."""

from dataclasses import dataclass

from bench.cpu import PROC, TICK_MS

# The first line of /proc/stat: user nice system idle iowait irq softirq steal (proc(5)); guests are in user already.
_IDLE = (3, 4)
_COUNTED = 8


@dataclass(frozen=True)
class Machine:
    """Milliseconds of all processors together since the start of the system."""

    busy_ms: float
    total_ms: float

    @classmethod
    def now(cls) -> "Machine":
        """As the kernel counts now."""
        return cls.parse((PROC / "stat").read_text())

    @classmethod
    def parse(cls, text: str) -> "Machine":
        """From the text of `/proc/stat`."""
        ticks = [int(field) for field in text.split("\n", 1)[0].split()[1 : 1 + _COUNTED]]
        idle = sum(ticks[place] for place in _IDLE)
        return cls(busy_ms=(sum(ticks) - idle) * TICK_MS, total_ms=sum(ticks) * TICK_MS)

    def others_share(self, since: "Machine", ours_ms: float) -> float:
        """The share of all processors that went to processes that are not ours."""
        total_ms = self.total_ms - since.total_ms
        busy_ms = self.busy_ms - since.busy_ms
        return max(0.0, busy_ms - ours_ms) / total_ms if total_ms else 0.0
