"""What a stack keeps running: each server starts until ready, stops, and shows the process it is."""

import time
from collections.abc import Callable
from typing import Protocol

from devstack.child import Child, Command

READY_TIMEOUT_S = 60.0
ONCE_TIMEOUT_S = 120.0


class Server(Protocol):
    """A part of the stack that runs until it is stopped."""

    @property
    def child(self) -> Child:
        """Its process."""

    def start(self) -> object:
        """It is ready. Raises `ChildError`."""

    def stop(self) -> None:
        """It has ended."""


class Program:
    """One of our own processes, and the question that tells whether it is ready."""

    def __init__(
        self, command: Command, ready: Callable[[], bool], *, before: Callable[[], None] | None = None
    ) -> None:
        self.child = Child(command)
        self._ready = ready
        self._before = before

    def start(self) -> None:
        """It is ready."""
        if self._before:
            self._before()
        self.child.start()
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._ready():
            if not self.child.alive:
                raise self.child.failure(f"ended at once with {self.child.exit_code}")
            if time.monotonic() > deadline:
                raise self.child.failure("was not ready in time")
            time.sleep(0.05)

    def stop(self) -> None:
        """It has ended: by itself when asked, killed after a while."""
        self.child.stop()


def run_once(child: Child) -> None:
    """The command has ended well. Raises `ChildError` with the end of its log."""
    child.start()
    if not child.wait(ONCE_TIMEOUT_S):
        child.kill()
        raise child.failure("took too long")
    if child.exit_code:
        raise child.failure(f"ended with {child.exit_code}")
