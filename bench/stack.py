"""A stack of the bench's own: the processes of `make up` on free ports, in a folder that is gone afterwards."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from devstack.child import Child
from devstack.plan import DATABASE, Plan, Programs
from devstack.ports import free_port, port_answers
from devstack.servers import Program, Server, run_once
from devstack.state import StateFolder
from devstack.temporal import TemporalServer
from settings import Settings

PRIVATE = 0o077


class BenchStack:
    """Development settings, whatever the environment says. Each part is a process that dies with this one."""

    def __init__(self, say: Callable[[str], None], programs: Programs | None = None) -> None:
        _forget_environment()
        os.umask(PRIVATE)
        self._say = say
        self.folder = Path(tempfile.mkdtemp(prefix="paysaga-bench-"))
        self.settings = _settings(self.folder)
        self.plan = Plan(self.settings, StateFolder(self.folder), programs=programs)
        if self.plan.postgres is None:
            raise AssertionError("without a database URL the plan has an embedded PostgreSQL")
        self.postgres = self.plan.postgres
        self.temporal = self._temporal()
        self.worker = Program(self.plan.worker(), self.plan.ready_file.exists, before=self._forget_ready_file)
        self.api = Program(self.plan.api(), lambda: port_answers(self.settings.api_port))
        self.simulator = Program(self.plan.simulator(), self._simulator_answers)
        self._loads: list[Child] = []

    @property
    def metrics_url(self) -> str:
        """Where the Temporal server counts its actions."""
        return f"http://127.0.0.1:{self.settings.temporal_metrics_port}/metrics"

    def pids(self) -> dict[str, int]:
        """The processes that run now, by what the report calls them."""
        parts: dict[str, Server] = {
            "Temporal": self.temporal,
            "worker": self.worker,
            "API": self.api,
            "PostgreSQL": self.postgres,
            "simulator": self.simulator,
        }
        return {name: part.child.pid for name, part in parts.items() if part.child.alive}

    def start_engine(self) -> None:
        """PostgreSQL and Temporal answer, the database is at the newest revision."""
        self.up(self.temporal)
        self.up(self.postgres)
        self.postgres.create_database(DATABASE)
        run_once(Child(self.plan.migrate()))

    def start_centre(self) -> None:
        """Search attributes and schedules are registered; simulator, worker and API answer."""
        run_once(Child(self.plan.prepare()))
        for server in (self.simulator, self.worker, self.api):
            self.up(server)

    def up(self, server: Server) -> None:
        """The server is ready."""
        server.start()
        self._say(f"{server.child.command.name} is ready (process {server.child.pid})")

    def python(self, name: str, arguments: list[str]) -> Child:
        """A Python process beside the stack, that ends with it."""
        child = Child(self.plan.command(name, arguments))
        self._loads.append(child)
        return child

    def stop(self) -> None:
        """Everything that was started here has ended, and the folder is gone."""
        for child in self._loads:
            child.stop()
        for server in (self.api, self.worker, self.simulator, self.temporal):
            server.stop()
        self.postgres.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _temporal(self) -> TemporalServer:
        settings, state = self.settings, self.plan.state
        return TemporalServer(
            state.path / "temporal",
            settings.temporal_port,
            ui_port=settings.temporal_ui_port,
            extra_args=["--metrics-port", str(settings.temporal_metrics_port)],
            log=state.log("temporal"),
        )

    def _forget_ready_file(self) -> None:
        self.plan.ready_file.unlink(missing_ok=True)

    def _simulator_answers(self) -> bool:
        return port_answers(self.settings.simulator_port) and port_answers(self.settings.sink_port)


def _forget_environment() -> None:
    """Figures of two machines compare only when both measured the same settings."""
    for variable in [name for name in os.environ if name.startswith("PAYSAGA_")]:
        del os.environ[variable]


def _settings(folder: Path) -> Settings:
    names = ("api", "temporal", "temporal_ui", "temporal_metrics", "simulator", "sink")
    ports: set[int] = set()
    while len(ports) < len(names):
        ports.add(free_port())
    return Settings.model_validate(
        {"home": folder, "development": True, **dict(zip((f"{name}_port" for name in names), ports, strict=True))}
    )
