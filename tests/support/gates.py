"""A failpoint that a test opens: what reaches it waits, and the test sees it wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from store.database import Database
from store.failpoints import Failpoints

REACHED_WITHIN_S = 10


class Gate(Failpoints):
    """Stops whoever comes to one point until it is opened."""

    def __init__(self, point: str) -> None:
        super().__init__({})
        self._point = point
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    async def reach(self, point: str, key: str) -> None:  # noqa: ARG002 - every object is stopped
        """Passes when this is another point, or the gate is open."""
        if point == self._point:
            self._reached.set()
            await self._opened.wait()

    async def reached(self) -> None:
        """Somebody waits at the gate, or has passed it."""
        async with asyncio.timeout(REACHED_WITHIN_S):
            await self._reached.wait()

    def open(self) -> None:
        """Nobody waits any more."""
        self._opened.set()


@asynccontextmanager
async def gated(database_url: str, point: str) -> AsyncIterator[tuple[Gate, Database]]:
    """A gate, and a database of its own whose steps it stops."""
    gate = Gate(point)
    database = Database.connect(database_url, pool_size=2, failpoints=gate)
    try:
        yield gate, database
    finally:
        gate.open()
        await database.close()
