"""Failpoints in a file, so that whoever writes it arms and disarms the points of running processes."""

import asyncio
import os
from pathlib import Path

from store.failpoints import PARK, Failpoints, actions_of

LOOKS_AGAIN_S = 0.05


def armed_failpoints(text: str | None, file: Path | None) -> Failpoints | None:
    """The file's points, else the text's; None when neither is given, and a point then costs one `is None`."""
    return Failpoints.parse(text) if file is None else FailpointFile(file)


def arm(file: Path, points: str) -> None:
    """The processes that watch the file have exactly these points, from their next visit of any; none for no text."""
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(points)
    fresh.replace(file)


def fired(file: Path) -> list[str]:
    """The points at which processes have ended themselves, in that order."""
    record = _record(file)
    return record.read_text().splitlines() if record.exists() else []


class FailpointFile(Failpoints):
    """As `Failpoints`; what is armed is what the file says, which is read when it has changed.

    A point that killed is taken out of the file first, so that the process that is started next does not end there too,
    and is recorded beside it. Who is parked goes on when the point leaves the file.
    """

    def __init__(self, file: Path) -> None:
        super().__init__({})
        self._file = file
        self._seen: tuple[int, int] | None = None

    async def reach(self, point: str, key: str) -> None:
        """Stops here when the file says so now."""
        self._look()
        await super().reach(point, key)

    async def stand(self, point: str) -> None:
        """Whoever stopped here stays until the file no longer says so."""
        while self.actions.get(point) == PARK:
            await asyncio.sleep(LOOKS_AGAIN_S)
            self._look()

    def kill(self, point: str, key: str) -> None:
        """The process ends at once; the point is disarmed for all and recorded."""
        arm(self._file, ",".join(f"{name}={action}" for name, action in self.actions.items() if name != point))
        with _record(self._file).open("a") as record:
            record.write(f"{point}\n")
        super().kill(point, key)

    def _look(self) -> None:
        stamp = _stamp(self._file)
        if stamp == self._seen:
            return
        text = self._file.read_text().strip() if stamp else ""
        self._seen, self.actions = stamp, actions_of(text) if text else {}
        self.visits.clear()
        self.parked.clear()


def _stamp(file: Path) -> tuple[int, int] | None:
    """Tells one content from another: each is a file of its own, renamed into place."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _record(file: Path) -> Path:
    return file.with_suffix(".fired")
