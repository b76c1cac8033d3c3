"""A point ends one process, and the others go on."""

import asyncio
from pathlib import Path

from chaos.arming import Arming
from store.failpoint_file import FailpointFile

POINT, OTHER = "payment.open:before", "payout.open:after"


class Mortal(FailpointFile):
    """A process that records its end as others do, and is only told that it is dead."""

    dead = False

    def kill(self, point: str, key: str) -> None:
        """As the real one, without the signal."""
        assert key
        with self._file.with_suffix(".fired").open("a") as record:
            record.write(f"{point}\n")
        self.dead = True


async def test_what_ended_one_process_ends_no_other(tmp_path: Path) -> None:
    """The file of the second no longer has the point, but still has what nobody has met."""
    files = [tmp_path / "points-a", tmp_path / "points-b"]
    arming = Arming(files)
    arming.arm([POINT], visit=1)
    arming.arm([OTHER], visit=2)
    first = Mortal(files[0])
    await first.reach(POINT, "pay_1")
    assert first.dead
    watching = asyncio.create_task(arming.watch())
    async with asyncio.timeout(10):
        while POINT in files[1].read_text():
            await asyncio.sleep(0)
    watching.cancel()
    assert ([POINT], {OTHER}, f"{OTHER}=kill:2") == (arming.hit, arming.waiting, files[1].read_text())


async def test_what_ended_a_process_before_is_no_hit_of_this_seed(tmp_path: Path) -> None:
    """The records of a stack are never emptied."""
    file = tmp_path / "points-a"
    file.with_suffix(".fired").write_text(f"{POINT}\n")
    arming = Arming([file])
    arming.arm([POINT], visit=1)
    assert ([], {POINT}) == (arming.hit, arming.waiting)
    arming.disarm()
    assert (set(), "") == (arming.waiting, file.read_text())
