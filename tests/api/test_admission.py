"""Calls that change something are worked on by turns: no merchant's line holds up another's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import pytest

from api.admission import Admission
from api.app import create_app
from api.metrics import TurnCollector
from domain.errors import RateLimited, Unavailable
from tests.support.centre import eventually, make_services
from tests.support.shop import Shop

TURNS, LINE_MAX = 2, 4
FOR_EVER_S, AT_ONCE_S = 3_600, 0.01


class Calls:
    """The calls of a test: who had a turn, in order, and when each ends."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """Calls named by merchant and number; each has its turn, or stands in line."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._call(name))
            await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        """The call is answered; fails when it was refused."""
        self._ends[name].set()
        await self._tasks[name]
        await asyncio.sleep(0)

    async def go_away(self, name: str) -> None:
        """Whoever called does not wait any more."""
        self._tasks[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._tasks[name]

    async def end_all(self) -> None:
        """Everybody had a turn, and was answered."""
        for event in self._ends.values():
            event.set()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _call(self, name: str) -> None:
        async with self.admission.turn(name[0]):
            self.begun.append(name)
            await self._ends[name].wait()


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    """Two calls may be worked on at once; four of a merchant may wait."""
    made = Calls(Admission(turns=TURNS, line_max=LINE_MAX, patience_s=FOR_EVER_S, turn_s=FOR_EVER_S))
    yield made
    await made.end_all()


async def test_a_merchant_alone_has_all_turns(calls: Calls) -> None:
    """Nothing is kept free for others that do not come."""
    await calls.come("a1", "a2", "a3")
    assert (["a1", "a2"], 1) == (calls.begun, calls.admission.waiting)


async def test_metrics_tell_who_waits(calls: Calls) -> None:
    """How many calls, and of how many merchants."""
    await calls.come("a1", "a2", "a3", "a4", "b1")
    told = {family.name: family.samples[0].value for family in TurnCollector(calls.admission).collect()}
    assert {"paysaga_writes_waiting": 3, "paysaga_writes_lines": 2} == told


async def test_merchants_that_wait_have_the_next_turns_in_rotation(calls: Calls) -> None:
    """Whoever came with many waits for its own; the others' calls pass them."""
    await calls.come("a1", "a2", "a3", "a4", "a5", "b1", "c1", "b2")
    for name in ("a1", "a2", "a3", "b1", "c1", "a4"):
        await calls.end(name)
    assert ["a1", "a2", "a3", "b1", "c1", "a4", "b2", "a5"] == calls.begun


async def test_a_full_line_is_one_merchants_own(calls: Calls) -> None:
    """429 for whoever fills it; the others still find their place."""
    await calls.come("a1", "a2", "a3", "a4", "a5", "a6", "a7")
    with pytest.raises(RateLimited):
        await calls.end("a7")
    await calls.come("b1")
    assert LINE_MAX + 1 == calls.admission.waiting


async def test_a_call_that_went_away_is_skipped(calls: Calls) -> None:
    """Waiting or just let in: its turn is the next one's."""
    await calls.come("a1", "a2", "b1", "b2", "c1")
    await calls.go_away("b1")
    await calls.end("a1")
    assert ["a1", "a2", "b2"] == calls.begun
    await calls.go_away("b2")
    await asyncio.sleep(0)
    assert ("c1", 0) == (calls.begun[-1], calls.admission.waiting)


async def test_every_turn_comes_back(calls: Calls) -> None:
    """However calls end: then as many may work at once as before."""
    await calls.come("a1", "a2", "a3", "b1")
    await calls.go_away("a3")
    await calls.end_all()
    async with AsyncExitStack() as stack:
        for _ in range(TURNS):
            await stack.enter_async_context(calls.admission.turn("a"))
        await calls.come("b9")
        assert "b9" not in calls.begun
    await calls.end("b9")


async def test_a_turn_that_takes_long_goes_on_to_the_next() -> None:
    """Both wait for a slow channel: a call of somebody else works although neither has ended."""
    admission = Admission(turns=TURNS, line_max=LINE_MAX, patience_s=FOR_EVER_S, turn_s=AT_ONCE_S)
    async with AsyncExitStack() as stack:
        for merchant in ("a", "a", "b", "a", "c"):
            await stack.enter_async_context(admission.turn(merchant))


async def test_nobody_waits_for_ever() -> None:
    """503 for whoever has no turn in time; it is in no line any more."""
    admission = Admission(turns=1, line_max=LINE_MAX, patience_s=AT_ONCE_S, turn_s=FOR_EVER_S)
    async with admission.turn("a"):
        with pytest.raises(Unavailable):
            await admission.turn("b").__aenter__()
        assert 0 == admission.waiting


async def test_a_merchant_with_a_full_line_is_told_and_nothing_is_claimed(shop: Shop) -> None:
    """429 and when to come back; reads need no turn; the same call is a first one when it comes again."""
    admission = Admission(turns=1, line_max=1, patience_s=FOR_EVER_S, turn_s=FOR_EVER_S)
    app = create_app(replace(make_services(shop.centre.settings), admission=admission))
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client:
        bodies = [shop.order(), shop.order()]
        async with admission.turn("another"):
            waits = asyncio.create_task(client.post("/v1/payments", json=bodies[0]))
            await eventually(lambda: _waiting(admission), lambda count: count == 1)
            told = await client.post("/v1/payments", json=bodies[1])
            assert 200 == (await client.get("/v1/payments")).status_code
        assert (429, "rate_limited") == (told.status_code, told.json()["code"])
        assert "Retry-After" in told.headers
        again = await client.post("/v1/payments", json=bodies[1])
        assert [201, 201] == [(await waits).status_code, again.status_code]
        assert "Idempotent-Replayed" not in again.headers


async def _waiting(admission: Admission) -> int:
    return admission.waiting
