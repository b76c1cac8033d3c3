"""The armed failpoints of a seed: what one process has met, no other meets again."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from store.failpoint_file import arm, fired

LOOK_EVERY_S = 0.1


class Arming:
    """Each process has a file of its own; each point ends one of them, so that the others go on."""

    def __init__(self, files: Collection[Path]) -> None:
        self._files = files
        self._armed: dict[str, str] = {}
        self._before = Counter(self._fired())

    @property
    def hit(self) -> list[str]:
        """The points that ended a process."""
        return list((Counter(self._fired()) - self._before).elements())

    @property
    def waiting(self) -> set[str]:
        """The points that are armed, and that nobody has met."""
        return self._armed.keys() - set(self.hit)

    def arm(self, points: Iterable[str], *, visit: int) -> None:
        """The process that comes by so often ends there."""
        self._armed |= dict.fromkeys(points, "kill" if visit == 1 else f"kill:{visit}")
        self._write()

    def disarm(self) -> None:
        """Nobody ends anywhere."""
        self._armed.clear()
        self._write()

    async def watch(self) -> None:
        """Until it is cancelled, what ended one process is taken from the files of the others."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._armed.keys() & set(self.hit):
                self._write()

    def _write(self) -> None:
        self._armed = {point: action for point, action in self._armed.items() if point in self.waiting}
        text = ",".join(f"{point}={action}" for point, action in self._armed.items())
        for file in self._files:
            arm(file, text)

    def _fired(self) -> list[str]:
        return [point for file in self._files for point in fired(file)]
