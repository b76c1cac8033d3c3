import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devstack.errors import ChildError

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_TAIL_BYTES = 4000


@dataclass(frozen=True)
class Account:
    """The user a process runs as; ids are those of the operating system."""

    name: str
    user_id: int
    group_id: int


@dataclass(frozen=True)
class Command:
    """What to run and how: `log` receives standard output and error, `account` is None for our own user."""

    name: str
    argv: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = Path("/")
    account: Account | None = None
    death_signal: signal.Signals = signal.SIGKILL


class Child:
    """One process in a session of its own, with standard input closed, that dies with the thread that started it."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the last start; 0 before the first."""
        return self._popen.pid if self._popen else 0

    @property
    def alive(self) -> bool:
        """Whether it runs now."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or was never started; minus the signal's number when a signal ended it."""
        return self._popen.poll() if self._popen else None

    def start(self) -> None:
        """The process runs. Whether it is ready is for the caller to see."""
        command, account = self.command, self.command.account
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(command.death_signal))]
        user = [str(account.user_id), str(account.group_id)] if account else ["-1", "-1"]
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [*launcher, *user, "--", *command.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(command.environment),
                cwd=command.folder,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Sent, unless the process has ended already."""
        if self._popen is not None:
            self._popen.send_signal(number)

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended within that time."""
        deadline = time.monotonic() + timeout_s
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.alive

    def stop(self, *, ask: signal.Signals = signal.SIGTERM, timeout_s: float = 10) -> None:
        """It has ended: by itself when asked, or killed after `timeout_s`."""
        self.send(ask)
        if not self.wait(timeout_s):
            self.kill()

    def kill(self) -> None:
        """It has ended at once, as by `kill -9`."""
        self.send(signal.SIGKILL)
        if self._popen is not None:
            self._popen.wait()

    def ending(self) -> str:
        """How it ended, for a person."""
        code = self.exit_code
        if code is None:
            return "is running" if self.alive else "was never started"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def log_tail(self) -> str:
        """The end of its log, for a person."""
        return log_tail(self.command.log)

    def failure(self, what: str) -> ChildError:
        """An error for a person, with the end of the log."""
        return ChildError(f"{self.command.name} {what}. The end of {self.command.log}:\n{self.log_tail()}")


def log_tail(log: Path) -> str:
    """The last lines of a log; empty where there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return stream.read().decode(errors="replace")
