import time
from collections import deque

from devstack.errors import RestartsError

RESTARTS_MAX = 5
WINDOW_S = 120.0


class Restarts:
    """How often each process was started again lately."""

    def __init__(self, *, restarts_max: int = RESTARTS_MAX, window_s: float = WINDOW_S) -> None:
        self._restarts_max = restarts_max
        self._window_s = window_s
        self._times: dict[str, deque[float]] = {}

    def count(self, name: str) -> None:
        """One more restart is allowed and counted. Raises `RestartsError` when the window is full."""
        now = time.monotonic()
        times = self._times.setdefault(name, deque(maxlen=self._restarts_max))
        if len(times) == self._restarts_max and now - times[0] < self._window_s:
            raise RestartsError(f"{name} ended {self._restarts_max + 1} times in {self._window_s:.0f} s; giving up.")
        times.append(now)
