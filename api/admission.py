"""Who may work now: so many of the calls that change something at once; those that wait are let in by turns.

The line of a flash sale forms here, in the API, long before any queue of the engine. So it is kept here by merchant:
the others' calls pass it, and the merchant that has too many in line is told so. A call that has its turn for long
waits for a channel rather than works; the turn goes on to the next, so that a slow channel holds up nobody.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import RateLimited, Unavailable

PATIENCE_S = 6.0
TURN_S = 0.5

Waiting = asyncio.Future[None]


class Admission:
    """So many turns; merchants that wait have the next free one in rotation, each in the order of its calls.

    A merchant alone has all turns. `line_max` bounds how many of one merchant's calls wait, `patience_s` how long;
    after `turn_s` a turn goes on to the next.
    """

    def __init__(self, *, turns: int, line_max: int, patience_s: float = PATIENCE_S, turn_s: float = TURN_S) -> None:
        self.turn_s = turn_s
        self._patience_s = patience_s
        self._free = turns
        self._line_max = line_max
        self._lines: OrderedDict[str, deque[Waiting]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many calls wait now."""
        return sum(len(line) for line in self._lines.values())

    @property
    def lines(self) -> int:
        """How many merchants wait now."""
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, merchant_id: str) -> AsyncIterator[None]:
        """The caller works. RateLimited when the merchant's line is full, Unavailable when no turn came in time."""
        await self._enter(merchant_id)
        turn = _Turn(self)
        try:
            yield
        finally:
            turn.end()

    async def _enter(self, merchant_id: str) -> None:
        if self._free:  # nobody waits while a turn is free
            self._free -= 1
            return
        line = self._lines.setdefault(merchant_id, deque())
        if len(line) >= self._line_max:
            raise RateLimited(f"{self._line_max} calls wait already")
        line.append(place := asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(self._patience_s):
                await place
        except (TimeoutError, asyncio.CancelledError) as gone:
            self._leave(merchant_id, place)
            if isinstance(gone, TimeoutError):
                raise Unavailable("too busy; the same call works later") from gone
            raise

    def _leave(self, merchant_id: str, place: Waiting) -> None:
        """Whoever waited is gone; a turn that it was just given goes to the next."""
        if not place.cancelled():
            self.pass_on()
        elif place in (line := self._lines.get(merchant_id, deque())):
            line.remove(place)
            if not line:
                del self._lines[merchant_id]

    def pass_on(self) -> None:
        """A turn has ended: the merchant that has waited longest since its last one has the next."""
        while self._lines:
            merchant_id, line = self._lines.popitem(last=False)
            place = line.popleft()
            if line:
                self._lines[merchant_id] = line
            if not place.cancelled():
                place.set_result(None)
                return
        self._free += 1


class _Turn:
    """Ends once: with the call, or earlier when it takes long."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._timer = asyncio.get_running_loop().call_later(admission.turn_s, self.end)
        self._ended = False

    def end(self) -> None:
        """The next one may work."""
        if not self._ended:
            self._ended = True
            self._timer.cancel()
            self._admission.pass_on()
