"""A failpoint that a test opens: whoever comes by waits there."""

import asyncio

from store.failpoints import Failpoints

PATIENCE_S = 5


class Gate(Failpoints):
    """Everything of this database stops at `point` until the test opens the gate."""

    def __init__(self, point: str) -> None:
        super().__init__({})
        self._point = point
        self._come, self._opened = asyncio.Event(), asyncio.Event()

    async def reach(self, point: str, key: str) -> None:  # noqa: ARG002 - whatever the object
        """Waits at the gate, and nowhere else."""
        if point == self._point:
            self._come.set()
            await self._opened.wait()

    async def reached(self) -> None:
        """Somebody stands at the gate."""
        await asyncio.wait_for(self._come.wait(), PATIENCE_S)

    def open(self) -> None:
        """Whoever waits goes on, and nobody is stopped any more."""
        self._opened.set()
