"""The standing stack that the troubles befall: real processes, each of which is started again when it dies."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from chaos.clocks import Clocks
from chaos.disk import Disk
from chaos.routes import PROCESSES, Routes
from devstack.child import Child
from devstack.errors import ChildError
from devstack.plan import DATABASE, Plan
from devstack.ports import free_port, port_answers
from devstack.servers import Program, Server, run_once
from devstack.state import StateFolder
from devstack.temporal import TemporalServer
from settings import Settings

PRIVATE = 0o077
WORKERS = ("worker-1", "worker-2")
LOOK_EVERY_S = 0.05
#: What the schedules are prepared with: sweeper and watch come often, so that a seed ends soon. All else is as in
#: production.
HURRIED = {
    "PAYSAGA_WATCH_EVERY_S": "2",
    "PAYSAGA_SWEEP_EVERY_S": "3",
    "PAYSAGA_SWEEP_GRACE_S": "2",
    "PAYSAGA_PARTITION_RETENTION_DAYS": "93",
}
PORTS = ("api", "temporal", "temporal_ui", "temporal_metrics", "simulator", "sink")


class Stack:
    """API, two workers, Temporal, PostgreSQL and the simulator; whoever dies comes back, unless it is held down."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        _forget_environment()
        os.umask(PRIVATE)
        self.folder = folder
        self.deaths: list[tuple[str, float]] = []
        self.points = {name: folder / f"points-{name}" for name in PROCESSES}
        self._say = say
        settings = _settings(folder)
        self.plan = Plan(settings, StateFolder(folder))
        if self.plan.postgres is None:
            raise AssertionError("without a database URL the plan has an embedded PostgreSQL")
        self.postgres = self.plan.postgres
        self.temporal = TemporalServer(folder / "temporal", settings.temporal_port, log=self.plan.state.log("temporal"))
        self.routes = Routes(self.plan)
        self.clocks = Clocks(folder, PROCESSES)
        self.disk = Disk.mounted(self.postgres.home)
        self.servers: dict[str, Server] = {}
        self._held_until: dict[str, float] = {}
        self._repairs: dict[str, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Everything answers, and is watched."""
        await self.routes.open()
        self.clocks.build()
        self.servers = {
            "postgres": self.postgres,
            "temporal": self.temporal,
            "simulator": Program(self.plan.simulator(), self._simulator_answers),
            **{name: self._worker(name) for name in WORKERS},
            "api": self._api(),
        }
        await asyncio.gather(*(asyncio.to_thread(self.servers[name].start) for name in ("postgres", "temporal")))
        await asyncio.to_thread(self.postgres.create_database, DATABASE)
        await asyncio.to_thread(run_once, Child(self.plan.migrate()))
        await asyncio.to_thread(run_once, Child(self.plan.command("prepare", self.plan.programs.prepare, **HURRIED)))
        await asyncio.gather(*(asyncio.to_thread(self.servers[name].start) for name in ("simulator", "api", *WORKERS)))
        self._watching = asyncio.create_task(self._watch())
        self._say(f"the stack is up in {self.folder}")

    async def stop(self) -> None:
        """Everything that was started here has ended; the database is gone, the logs stay."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        for name in ("api", *WORKERS, "simulator", "temporal"):
            if name in self.servers:
                await asyncio.to_thread(self.servers[name].child.kill)
        await asyncio.to_thread(self.postgres.stop)
        Disk.forget(self.postgres.home)
        await asyncio.to_thread(self.postgres.destroy)
        await self.routes.close()

    def kill(self, name: str, *, down_s: float = 0.0) -> None:
        """The process has ended as by `kill -9`, and stays away for so long."""
        self._held_until[name] = time.monotonic() + down_s
        self.servers[name].child.kill()

    async def all_up(self) -> None:
        """Every process runs and is ready."""
        self._held_until.clear()
        await asyncio.sleep(2 * LOOK_EVERY_S)  # whoever has just died is seen
        while not all(server.child.alive for server in self.servers.values()) or self._mending():
            await asyncio.sleep(LOOK_EVERY_S)

    async def _watch(self) -> None:
        """Starts again what ended, as whoever runs it in production would."""
        while True:
            for name, server in self.servers.items():
                if not (self._is_mending(name) or server.child.alive):
                    if name not in self._held_until:
                        self.deaths.append((name, time.time()))
                    if time.monotonic() >= self._held_until.get(name, 0.0):
                        self._repairs[name] = asyncio.create_task(self._start_again(name))
            await asyncio.sleep(LOOK_EVERY_S)

    def _is_mending(self, name: str) -> bool:
        return name in self._repairs and not self._repairs[name].done()

    def _mending(self) -> bool:
        return any(self._is_mending(name) for name in self.servers)

    async def _start_again(self, name: str) -> None:
        """A process that cannot start, because what it needs is away, is started once more."""
        try:
            await asyncio.to_thread(self.servers[name].start)
        except (ChildError, OSError) as failure:  # a full disk takes no file of settings either
            self._held_until[name] = time.monotonic() + LOOK_EVERY_S
            self._say(f"{name} could not start: {str(failure).splitlines()[0]}")
        else:
            self._held_until.pop(name, None)

    def _worker(self, name: str) -> Program:
        ready = self.folder / f"{name}.ready"
        variables = self._told(name) | {"PAYSAGA_READY_FILE": str(ready)}
        return Program(
            self.plan.command(name, self.plan.programs.worker, **variables),
            ready.exists,
            before=lambda: ready.unlink(missing_ok=True),
        )

    def _api(self) -> Program:
        command = self.plan.command("api", self.plan.programs.api, **self._told("api"))
        return Program(command, lambda: port_answers(self.plan.settings.api_port))

    def _told(self, name: str) -> dict[str, str]:
        points = {"PAYSAGA_FAILPOINTS_FILE": str(self.points[name])}
        return self.routes.of(name) | points | self.clocks.variables(name)

    def _simulator_answers(self) -> bool:
        settings = self.plan.settings
        return port_answers(settings.simulator_port) and port_answers(settings.sink_port)


def _forget_environment() -> None:
    """A seed replays only under the settings that it failed under."""
    for variable in [name for name in os.environ if name.startswith("PAYSAGA_")]:
        del os.environ[variable]


def _settings(folder: Path) -> Settings:
    ports: set[int] = set()
    while len(ports) < len(PORTS):
        ports.add(free_port())
    chosen = dict(zip((f"{name}_port" for name in PORTS), ports, strict=True))
    return Settings.model_validate({"home": folder, "development": True, **chosen})
