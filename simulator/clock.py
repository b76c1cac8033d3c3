"""Two times: the wall's, which signatures and sockets obey, and the channel's, which tests may move."""

import time
from datetime import UTC, datetime


def wall() -> float:
    """Seconds since the epoch, as everybody else's watch shows them."""
    return time.time()


def rfc3339(seconds: float) -> str:
    """Write an instant as RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Clock:
    """The channel's business clock: the wall's time plus what `/_sim/clock` added. A restart sets it right again."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch on the channel's clock; expiry and `paid_at` obey it."""
        return wall() + self._ahead_s

    def advance(self, advance_s: float) -> None:
        """Move the channel's clock."""
        self._ahead_s += advance_s
