"""Failpoints: armed by name, they stop one object exactly before or after a commit; unarmed they are nothing."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.ids import new_id
from store.database import Database
from store.failpoint_file import arm, armed_failpoints, fired
from store.failpoints import Failpoints
from tests.support.servers import ROOT, Addresses

KILL = """
import asyncio
from store.failpoints import Failpoints
asyncio.run(Failpoints({"here": "kill"}).reach("here", ""))
"""

KILL_BY_FILE = """
import asyncio
from pathlib import Path
from store.failpoint_file import FailpointFile

async def visit():
    armed = FailpointFile(Path("{file}"))
    for _ in range(2):
        await armed.reach("here", "")

asyncio.run(visit())
"""


class Doomed(Failpoints):
    """Notes where the process would have ended."""

    def __init__(self, actions: Mapping[str, str]) -> None:
        super().__init__(actions)
        self.ends: list[tuple[str, str]] = []

    def kill(self, point: str, key: str) -> None:
        """Lives on."""
        self.ends.append((point, key))


def test_points_are_read_from_text() -> None:
    """A list of `name=action`; no text arms nothing."""
    armed = Failpoints.parse("a.try:before=park,b:after=kill")
    assert armed is not None
    assert {"a.try:before": "park", "b:after": "kill"} == armed.actions
    assert (None, None) == (Failpoints.parse(None), Failpoints.parse(""))


@pytest.mark.parametrize("wrong", ["a=explode", "a", "a=park,b=", "a=park,b", "a=kill:0", "a=kill:"])
def test_a_point_without_an_action_is_refused(wrong: str) -> None:
    """A test that arms nothing would pass for nothing."""
    with pytest.raises(ValueError, match=r"unknown failpoint action|dictionary update"):
        Failpoints.parse(wrong)


def test_without_points_there_is_nothing_to_ask() -> None:
    """Unarmed, a point costs one `is None`."""
    assert armed_failpoints(None, None) is None
    assert armed_failpoints("", None) is None


async def test_a_parked_point_holds_the_first_object_alone() -> None:
    """And that object at every later visit, so that a retry does not slip through."""
    armed = Failpoints({"step:before": "park"})
    parked = [asyncio.create_task(armed.reach("step:before", "one")) for _ in range(2)]
    await asyncio.gather(armed.reach("step:before", "two"), armed.reach("step:after", "one"))
    assert ([False, False], {"step:before": "one"}) == ([task.done() for task in parked], armed.parked)
    for task in parked:
        task.cancel()


async def test_kill_ends_the_process_at_once() -> None:
    """As `kill -9` does: no handler runs."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", KILL, cwd=ROOT)
    assert -signal.SIGKILL == await child.wait()


@pytest.mark.parametrize(("action", "visits"), [("kill", 1), ("kill:1", 1), ("kill:3", 3)])
async def test_kill_counts_visits(action: str, visits: int) -> None:
    """Of that point, whatever the object."""
    armed = Doomed({"here": action})
    for visit in range(visits):
        assert [] == armed.ends
        await armed.reach("elsewhere", "")
        await armed.reach("here", str(visit))
    assert [("here", str(visits - 1))] == armed.ends


async def test_a_file_arms_and_disarms_a_running_process(tmp_path: Path) -> None:
    """What is parked goes on once the point has left the file; no file arms nothing."""
    file = tmp_path / "points"
    armed = armed_failpoints("step:before=kill", file)
    assert armed is not None
    await armed.reach("step:before", "free")
    arm(file, "step:before=park")
    parked = asyncio.create_task(armed.reach("step:before", "one"))
    async with asyncio.timeout(10):
        while armed.parked != {"step:before": "one"}:
            await asyncio.sleep(0)
        arm(file, "")
        await parked
        await armed.reach("step:before", "one")


async def test_a_file_kills_one_process_and_says_where(tmp_path: Path) -> None:
    """Started again, the process passes the point."""
    file = tmp_path / "points"
    arm(file, "here=kill:2,there=park")
    code = KILL_BY_FILE.format(file=file)
    ends = []
    for _ in range(2):
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT)
        ends.append(await child.wait())
    assert ([-signal.SIGKILL, 0], ["here"], "there=park") == (ends, fired(file), file.read_text())


@pytest.mark.parametrize(("point", "committed"), [("step:before", 0), ("step:after", 1)])
async def test_a_transaction_stops_before_or_after_its_commit(
    addresses: Addresses, database: Database, point: str, committed: int
) -> None:
    """Before: the rows are not there when the process dies; after: they are."""
    armed = Failpoints({point: "park"})
    stopping = Database.connect(addresses.database_url, pool_size=1, failpoints=armed)
    account, key = new_id("sus"), new_id("key")
    step = asyncio.create_task(_step(stopping, account, key))
    async with asyncio.timeout(10):
        while armed.parked != {point: key}:
            await asyncio.sleep(0)
    assert committed == await _found(database, account)
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)
    await stopping.close()


async def _step(database: Database, row_id: str, key: str) -> None:
    async with database.transaction("step", key) as session:
        insert = text("INSERT INTO operator_action (id, actor, action, object_id) VALUES (:id, 'test', 'test', 'test')")
        await session.execute(insert, {"id": row_id})


async def _found(database: Database, row_id: str) -> int:
    async with database.reading() as session:
        count = text("SELECT count(*) FROM operator_action WHERE id = :id")
        return int((await session.execute(count, {"id": row_id})).scalar_one())
