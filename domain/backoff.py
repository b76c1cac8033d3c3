"""When a channel is asked again: soon at first, then rarely, never given up silently (law 5)."""

import zlib
from datetime import timedelta

_LIVE_S = (3, 6, 10, 30, 60, 180, 600, 1_800, 3_600)
_WATCH_S = (60, 180, 600, 1_800, 3_600)
_LONGEST_S = 21_600
_JITTER_PERCENT = 20

#: How long after a channel's expiry an attempt without final proof is still watched (law 9).
WATCH_FOR = timedelta(hours=24)


def live_check_after(number: str, checks: int) -> timedelta:
    """The pause before the next question about an open attempt or refund; `checks` questions were asked so far."""
    return _spread(number, checks, _LIVE_S)


def watch_check_after(number: str, checks: int) -> timedelta:
    """The pause before the next question about an attempt that ended without final proof."""
    return _spread(number, checks, _WATCH_S)


def _spread(number: str, checks: int, plan_s: tuple[int, ...]) -> timedelta:
    """Within 20 % of the plan, the same for the same number and count, so that a repeat of a step changes nothing."""
    base_s = plan_s[checks] if checks < len(plan_s) else _LONGEST_S
    percent = zlib.crc32(f"{number}:{checks}".encode()) % (2 * _JITTER_PERCENT + 1) - _JITTER_PERCENT
    return timedelta(milliseconds=base_s * 10 * (100 + percent))
