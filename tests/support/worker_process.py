"""A worker in a process of its own, to be killed."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from devstack.child import Child, Command
from tests.support.centre import Centre, eventually
from tests.support.servers import ROOT


@dataclass(frozen=True)
class Release:
    """What a worker runs: the program, its version where workers are versioned, and what else it is told."""

    program: tuple[str, ...] = ("worker.py",)
    version: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


TODAY = Release()
#: Most of it are imports, which take their time on a busy machine.
READY_WITHIN = timedelta(seconds=60)


class WorkerProcess:
    """One run of `worker.py` against the centre's servers; its log is read to see where it parks."""

    def __init__(
        self, centre: Centre, folder: Path, *, failpoints: str = "", loops: str = "events", release: Release = TODAY
    ) -> None:
        self._log = folder / f"worker-{len(list(folder.iterdir()))}.log"
        self._ready = folder / f"{self._log.stem}.ready"
        settings = centre.settings
        key = settings.secret_key
        environment = {
            **os.environ,
            "PAYSAGA_DATABASE_URL": settings.require_database_url(),
            "PAYSAGA_TEMPORAL_ADDRESS": settings.require_temporal_address(),
            "PAYSAGA_TEMPORAL_NAMESPACE": settings.temporal_namespace,
            "PAYSAGA_SECRET_KEY": key.get_secret_value() if key else "",
            "PAYSAGA_PUBLIC_URL": settings.public_url,
            "PAYSAGA_DEVELOPMENT": "1",
            "PAYSAGA_READY_FILE": str(self._ready),
            "PAYSAGA_FAILPOINTS": failpoints,
            "PAYSAGA_WORKER_VERSION": release.version,
            **release.variables,
        }
        argv = [sys.executable, *release.program, "--queues", "saga,channel-sim,payout-sim,notify", "--loops", loops]
        self.child = Child(Command("worker", argv, self._log, environment=environment, folder=ROOT))

    async def start(self) -> "WorkerProcess":
        """It polls."""
        self._log.touch()
        self.child.start()

        async def ready() -> bool:
            assert self.child.alive, self.child.log_tail()
            return self._ready.exists()

        await eventually(ready, bool, within=READY_WITHIN)
        return self

    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()

    def parked(self) -> set[str]:
        """The points at which it has stopped something."""
        lines = (line for line in self.log().splitlines() if "failpoint_parked" in line)
        return {json.loads(line)["point"] for line in lines}

    async def until_parked(self, points: set[str]) -> None:
        """Something is stopped at each of these points; fails with those that nothing reached."""

        async def missing() -> set[str]:
            return points - self.parked()

        await eventually(missing, lambda left: not left)

    async def until_dead(self) -> None:
        """It ended itself."""

        async def alive() -> bool:
            return self.child.alive

        await eventually(alive, lambda running: not running)


@asynccontextmanager
async def worker_process(
    centre: Centre, folder: Path, *, failpoints: str = "", loops: str = "events", release: Release = TODAY
) -> AsyncIterator[WorkerProcess]:
    """A worker that is gone afterwards, whatever happens."""
    process = WorkerProcess(centre, folder, failpoints=failpoints, loops=loops, release=release)
    try:
        yield await process.start()
    finally:
        await asyncio.to_thread(process.child.kill)
