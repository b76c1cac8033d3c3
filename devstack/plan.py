"""Which commands a stack consists of, and the environment and addresses they share."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devstack.child import Command
from devstack.ports import HOST
from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from devstack.state import Keys, StateFolder
from settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "paysaga"
WORKER_READY_FILE = "worker.ready"

# The demo shows a watch and a sweep within seconds; whoever sets these variables is heard first.
DEVELOPMENT_DEFAULTS = {"PAYSAGA_WATCH_EVERY_S": "10", "PAYSAGA_SWEEP_EVERY_S": "15", "PAYSAGA_SWEEP_GRACE_S": "10"}


@dataclass(frozen=True)
class Programs:
    """Arguments to the Python interpreter for each part."""

    migrate: list[str] = field(default_factory=lambda: ["-m", "store.migrate"])
    prepare: list[str] = field(default_factory=lambda: ["worker.py", "--prepare"])
    api: list[str] = field(default_factory=lambda: ["-m", "api"])
    worker: list[str] = field(
        default_factory=lambda: [
            *("worker.py", "--queues", "saga,channel-sim,payout-sim,notify,reconcile", "--loops", "fold,events"),
        ]
    )
    simulator: list[str] = field(default_factory=lambda: ["-m", "simulator"])


@dataclass(frozen=True)
class Addresses:
    """Where everything of one stack is reached."""

    api: str
    temporal: str
    temporal_ui: str | None
    simulator: str
    sink: str
    database_url: str
    owner_database_url: str | None


class Plan:
    """One stack: its settings, folder, keys and addresses, and from these its commands."""

    def __init__(self, settings: Settings, state: StateFolder, *, programs: Programs | None = None) -> None:
        self.settings = settings
        self.state = state
        self.programs = programs or Programs()
        self.keys = _keys(settings, state)
        self.postgres = None if settings.database_url else EmbeddedPostgres(state.path, log=state.log("postgres"))
        self.addresses = self._addresses()

    @property
    def ready_file(self) -> Path:
        """The worker touches it when it polls."""
        return self.state.path / WORKER_READY_FILE

    def command(self, name: str, arguments: list[str], **variables: str) -> Command:
        """A Python process of this stack."""
        return Command(
            name=name,
            argv=[sys.executable, *arguments],
            log=self.state.log(name),
            environment={**self.environment(), **variables},
            folder=ROOT,
            death_signal=signal.SIGKILL,
        )

    def migrate(self) -> Command:
        """Brings the database's schema to its head; the only process that knows the owner's URL."""
        owner = self.addresses.owner_database_url
        return self.command(
            "migrate", self.programs.migrate, **({"PAYSAGA_OWNER_DATABASE_URL": owner} if owner else {})
        )

    def prepare(self) -> Command:
        """Registers search attributes and schedules."""
        return self.command("prepare", self.programs.prepare)

    def api(self) -> Command:
        """Serves REST."""
        return self.command("api", self.programs.api)

    def worker(self) -> Command:
        """Runs workflows, activities and loops."""
        return self.command("worker", self.programs.worker, PAYSAGA_READY_FILE=str(self.ready_file))

    def simulator(self) -> Command:
        """Plays the channels and receives webhooks."""
        ports = ["--port", str(self.settings.simulator_port), "--sink-port", str(self.settings.sink_port)]
        home = ["--home", str(self.state.path / "simulator"), "--host", HOST]
        return self.command("simulator", [*self.programs.simulator, *home, *ports])

    def environment(self) -> dict[str, str]:
        """What every process of ours is told."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "TEMPORAL_"))}
        inherited.pop("PAYSAGA_OWNER_DATABASE_URL", None)
        return {**DEVELOPMENT_DEFAULTS, **inherited, **self._variables()}

    def _variables(self) -> Mapping[str, str]:
        settings, addresses = self.settings, self.addresses
        return {
            "PAYSAGA_HOME": str(self.state.path),
            "PAYSAGA_DATABASE_URL": addresses.database_url,
            "PAYSAGA_TEMPORAL_ADDRESS": addresses.temporal,
            "PAYSAGA_TEMPORAL_NAMESPACE": settings.temporal_namespace,
            "PAYSAGA_API_HOST": settings.api_host,
            "PAYSAGA_API_PORT": str(settings.api_port),
            "PAYSAGA_PUBLIC_URL": settings.public_url if _chosen(settings, "public_url") else addresses.api,
            "PAYSAGA_OPERATOR_KEY": self.keys.operator_key,
            "PAYSAGA_SECRET_KEY": self.keys.secret_key,
            "PAYSAGA_DEVELOPMENT": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def _addresses(self) -> Addresses:
        settings = self.settings
        embedded_ui = None if settings.temporal_address else f"http://{HOST}:{settings.temporal_ui_port}"
        return Addresses(
            api=f"http://{_reachable(settings.api_host)}:{settings.api_port}",
            temporal=settings.temporal_address or f"{HOST}:{settings.temporal_port}",
            temporal_ui=embedded_ui,
            simulator=f"http://{HOST}:{settings.simulator_port}",
            sink=f"http://{HOST}:{settings.sink_port}",
            database_url=self.postgres.url(APP_ROLE, DATABASE) if self.postgres else settings.require_database_url(),
            owner_database_url=self.postgres.url(OWNER_ROLE, DATABASE)
            if self.postgres
            else settings.owner_database_url,
        )


def _keys(settings: Settings, state: StateFolder) -> Keys:
    """The environment's keys where set, else the kept ones."""
    kept = state.keys()
    operator, secret = settings.operator_key, settings.secret_key
    return Keys(
        operator_key=operator.get_secret_value() if operator else kept.operator_key,
        secret_key=secret.get_secret_value() if secret else kept.secret_key,
    )


def _chosen(settings: Settings, name: str) -> bool:
    return name in settings.model_fields_set


def _reachable(host: str) -> str:
    """An address that listens everywhere is reached on loopback."""
    return HOST if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared, not bound
