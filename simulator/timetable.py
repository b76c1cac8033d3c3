"""What happens by itself at its time."""

import asyncio
from collections.abc import Callable

from simulator.clock import wall
from simulator.database import Database
from simulator.refusals import RefusedError


class Timetable:
    """Timers of one run; what must survive a restart stands in the book and is announced again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def announce(self, due_at: float | None, act: Callable[[], object]) -> None:
        """Have `act` run in a transaction of its own at `due_at` of the wall: after the caller's at the earliest."""
        delay_s = max(0.0, (due_at or 0.0) - wall())
        asyncio.get_running_loop().call_later(delay_s, self._act, act)

    def _act(self, act: Callable[[], object]) -> None:
        # Somebody may have closed the order, or ended the refund or transfer, before its time came.
        try:
            with self._database.transaction():
                act()
        except RefusedError:
            return
