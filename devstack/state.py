import base64
import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from devstack.errors import StateError


@dataclass(frozen=True)
class Keys:
    """Made once and kept: the operator's bearer key, and the key that encrypts secrets at rest."""

    operator_key: str
    secret_key: str


class StateFolder:
    """Everything that `make up` keeps between runs. We make it private; one that exists keeps its rights."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        if not self.path.exists():
            self.path.mkdir(parents=True, mode=0o700)
        self._lock: TextIO | None = None

    def log(self, name: str) -> Path:
        """Where the process of that name writes."""
        return self.path / "logs" / f"{name}.log"

    def rotate_logs(self) -> None:
        """Each process begins a new log; the one before is kept as `.log.1`."""
        for log in (self.path / "logs").glob("*.log"):
            log.replace(log.with_suffix(".log.1"))

    def lock(self) -> int | None:
        """The folder is ours until we end. Answers the id of a run that ended without letting go, if any.

        The kernel drops the lock with its holder, so only a live run can hold it.
        """
        lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(self._taken_by(_content(lock))) from None
        stale = _content(lock)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        return int(stale) if stale else None

    def unlock(self) -> None:
        """Another run may have the folder."""
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.close()
            self._lock = None

    def keys(self) -> Keys:
        """The same keys at each run."""
        kept = self.read("keys.json")
        if kept is None:
            kept = {"operator_key": f"op_{secrets.token_urlsafe(24)}", "secret_key": _new_secret_key()}
            self.write("keys.json", kept)
        return Keys(operator_key=kept["operator_key"], secret_key=kept["secret_key"])

    def read(self, name: str) -> dict[str, Any] | None:
        """What was written under that name; None when nothing was."""
        path = self.path / name
        return json.loads(path.read_text()) if path.exists() else None

    def write(self, name: str, content: dict[str, Any]) -> None:
        """The file has this content, whole, and mode 0600."""
        new = self.path / f"{name}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(json.dumps(content, indent=2) + "\n")
        new.replace(self.path / name)

    def _taken_by(self, holder: str) -> str:
        return (
            f"Another stack (process {holder or 'unknown'}) runs on {self.path}. "
            "Stop it, or set PAYSAGA_HOME and the ports to run a second one."
        )


def _content(stream: TextIO) -> str:
    stream.seek(0)
    return stream.read().strip()


def _new_secret_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
