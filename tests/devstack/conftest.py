"""A supervisor in a process of its own, over the real servers and stand-ins for our programs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devstack.ports import free_port
from devstack.postgres import EmbeddedPostgres
from tests.devstack.processes import command_line, descendants

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("API_PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT", "SIMULATOR_PORT", "SINK_PORT")
WAIT_S = 150.0
RUN_STACK = str(Path(__file__).with_name("run_stack.py"))


@dataclass
class Run:
    """One supervisor: its ports, what it wrote, and the processes it started."""

    home: Path
    words: tuple[str, ...] = (RUN_STACK,)
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in PORTS})

    def __post_init__(self) -> None:
        self.output = self.home.with_suffix(".out")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAYSAGA_")}
        numbers = {f"PAYSAGA_{name}": str(port) for name, port in self.ports.items()}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.words],
                env={**inherited, **numbers, "PAYSAGA_HOME": str(self.home), "PYTHONPATH": str(ROOT)},
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        """What it wrote so far."""
        return self.output.read_text()

    def until(self, holds: Callable[[], bool]) -> None:
        """It holds now; fails with the output when the supervisor ends before, or time runs out."""
        deadline = time.monotonic() + WAIT_S
        while not holds():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"gave up waiting; exit code {self.process.poll()}\n{self.text()}")
            time.sleep(0.05)

    def until_up(self) -> "Run":
        """The stack serves."""
        self.until(lambda: "UP " in self.text())
        return self

    def children(self) -> list[int]:
        """Every process below the supervisor."""
        return descendants(self.process.pid)

    def child(self, words: str) -> int:
        """The child whose command line contains these words."""
        return next(pid for pid in self.children() if words in command_line(pid))

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(WAIT_S)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Starts supervisors; each is stopped and its data removed afterwards."""
    runs: list[Run] = []

    def run(name: str = "state", *words: str, ports: dict[str, int] | None = None) -> Run:
        runs.append(Run(tmp_path / name, words or (RUN_STACK,), *([ports] if ports else [])))
        return runs[-1]

    yield run
    for started in runs:
        started.process.send_signal(signal.SIGTERM)
        started.process.wait(WAIT_S)
    for home in {started.home for started in runs}:
        EmbeddedPostgres(home).destroy()
