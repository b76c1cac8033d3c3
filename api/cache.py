"""Answers that may be a few seconds old."""

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

ENTRIES_MAX = 10_000


class Remembered(Generic[Key, Value]):
    """Values for at most `seconds`; what does not exist is asked for again each time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[Key, tuple[float, Value]] = {}

    async def get(self, key: Key, load: Callable[[], Awaitable[Value | None]]) -> Value | None:
        """The remembered value, or what `load` answers now."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] > time.monotonic():
            return entry[1]
        value = await load()
        if value is not None:
            self._keep(key, value)
        return value

    def forget(self, key: Key) -> None:
        """The next call asks again."""
        self._entries.pop(key, None)

    def _keep(self, key: Key, value: Value) -> None:
        if len(self._entries) >= ENTRIES_MAX:
            self._entries.clear()
        self._entries[key] = (time.monotonic() + self._seconds, value)
