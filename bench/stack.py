"""A stack of the bench's own: the processes of `make up` on free ports, in a folder that is gone afterwards."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from devstack.child import Child
from devstack.plan import DATABASE, Plan, Programs
from devstack.ports import free_port, port_answers
from devstack.postgres import EmbeddedPostgres
from devstack.servers import Program, Server, run_once
from devstack.state import StateFolder
from devstack.temporal import TemporalServer
from settings import Settings

PRIVATE = 0o077
#: The second name of the simulator: a channel with a queue of its own, that can be slow while the first is not.
SLOW_CHANNEL = "sim2"
QUEUES = f"saga,channel-sim,channel-{SLOW_CHANNEL},payout-sim,notify,reconcile"
LOOPS = "fold,events"
#: Beside the settings of `make up`: commits have times, and statements can be counted, which is off until asked for.
POSTGRES = {"track_commit_timestamp": "on", "shared_preload_libraries": "pg_stat_statements"}
COUNT_NO_STATEMENTS = "ALTER SYSTEM SET pg_stat_statements.track = 'none';\nSELECT pg_reload_conf();\n"


class BenchStack:
    """Development settings, whatever the environment says. Each part is a process that dies with this one."""

    def __init__(self, say: Callable[[str], None], programs: Programs | None = None) -> None:
        _forget_environment()
        os.environ["PAYSAGA_SIM_CHANNELS"] = f"sim,{SLOW_CHANNEL}"
        os.umask(PRIVATE)
        self._say = say
        self.folder = Path(tempfile.mkdtemp(prefix="paysaga-bench-"))
        self.settings = _settings(self.folder)
        programs = programs or Programs(worker=_worker_words(QUEUES, LOOPS))
        self.plan = Plan(self.settings, StateFolder(self.folder), programs=programs)
        self.postgres = EmbeddedPostgres(self.folder, settings=POSTGRES, log=self.plan.state.log("postgres"))
        self.temporal = self._temporal()
        self.workers = [self._worker("worker", self.plan.programs.worker)]
        self.api = self._api()
        self.simulator = Program(self.plan.simulator(), self._simulator_answers)
        self._loads: list[Child] = []

    @property
    def worker(self) -> Program:
        """The first worker process; often the only one."""
        return self.workers[0]

    @property
    def metrics_url(self) -> str:
        """Where the Temporal server counts its actions."""
        return f"http://127.0.0.1:{self.settings.temporal_metrics_port}/metrics"

    def pids(self) -> dict[str, int]:
        """The processes that run now, by what the report calls them."""
        parts: dict[str, Server] = {
            "Temporal": self.temporal,
            **{worker.child.command.name: worker for worker in self.workers},
            "API": self.api,
            "PostgreSQL": self.postgres,
            "simulator": self.simulator,
        }
        return {name: part.child.pid for name, part in parts.items() if part.child.alive}

    def start_engine(self) -> None:
        """PostgreSQL and Temporal answer, the database is at the newest revision."""
        self.up(self.temporal)
        self.start_postgres()
        run_once(Child(self.plan.migrate()))

    def start_postgres(self) -> None:
        """PostgreSQL answers, our database is there and empty, and no statement is counted."""
        self.up(self.postgres)
        self.postgres.sql(COUNT_NO_STATEMENTS)
        self.postgres.create_database(DATABASE)

    def start_centre(self) -> None:
        """Search attributes and schedules are registered; simulator, worker and API answer."""
        run_once(Child(self.plan.prepare()))
        for server in (self.simulator, self.worker, self.api):
            self.up(server)

    def employ(self, *duties: tuple[str, str]) -> None:
        """These worker processes poll, in place of those before; each duty names queues and loops."""
        self._dismiss()
        named = [("worker" if not number else f"worker {number + 1}", duty) for number, duty in enumerate(duties)]
        self.workers = [self._worker(name, _worker_words(*duty)) for name, duty in named]
        for worker in self.workers:
            self.up(worker)

    def serve_from(self, database: str) -> str:
        """API and one worker work on this database of the server from now on; answers its URL."""
        self.rest()
        url = self.plan.addresses.database_url.replace(f"/{DATABASE}?", f"/{database}?")
        self.api = self._api(PAYSAGA_DATABASE_URL=url)
        self.workers = [self._worker("worker", self.plan.programs.worker, PAYSAGA_DATABASE_URL=url)]
        self.up(self.worker)
        self.up(self.api)
        return url

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
        servers: list[Server] = [self.api, *self.workers, self.simulator, self.temporal]
        for server in servers:
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

    def rest(self) -> None:
        """Neither API nor worker runs."""
        self.api.stop()
        self._dismiss()

    def _dismiss(self) -> None:
        for worker in self.workers:
            worker.stop()

    def _worker(self, name: str, words: list[str], **variables: str) -> Program:
        ready = self.folder / f"{name}.ready"
        command = self.plan.command(name, words, PAYSAGA_READY_FILE=str(ready), **variables)
        return Program(command, ready.exists, before=lambda: ready.unlink(missing_ok=True))

    def _api(self, **variables: str) -> Program:
        command = self.plan.command("api", self.plan.programs.api, **variables)
        return Program(command, lambda: port_answers(self.settings.api_port))

    def _simulator_answers(self) -> bool:
        return port_answers(self.settings.simulator_port) and port_answers(self.settings.sink_port)


def _worker_words(queues: str, loops: str) -> list[str]:
    return ["worker.py", "--queues", queues, *(["--loops", loops] if loops else [])]


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
