"""A child process: apart from our terminal, tied to our life, and clear about its end."""

import os
import signal
import sys
from pathlib import Path

import pytest

from devstack.child import Child, Command
from devstack.errors import ChildError
from devstack.servers import Program, run_once

REPORT = "import os, sys; print(os.getsid(0) == os.getpid(), os.readlink('/proc/self/fd/0'), flush=True)"


def python(tmp_path: Path, script: str) -> Child:
    return Child(Command("child", [sys.executable, "-c", script], tmp_path / "child.log"))


def test_it_has_a_session_of_its_own_and_no_standard_input(tmp_path: Path) -> None:
    """Ctrl-C and a closed terminal reach the supervisor alone."""
    child = python(tmp_path, REPORT)
    run_once(child)
    assert "True /dev/null" == child.log_tail().strip()


def test_it_is_killed_when_it_does_not_end_in_time(tmp_path: Path) -> None:
    """A child that ignores the request to stop has ended all the same."""
    child = python(
        tmp_path, "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    )
    child.start()
    while "deaf" not in child.log_tail():
        os.sched_yield()
    child.stop(timeout_s=0.2)
    assert -signal.SIGKILL == child.exit_code
    assert "was ended by SIGKILL" == child.ending()


def test_a_command_that_fails_is_told_with_its_log(tmp_path: Path) -> None:
    """The person at the terminal sees the reason, not only the exit code."""
    with pytest.raises(ChildError, match=r"ended with 1(.|\n)*no such table"):
        run_once(python(tmp_path, "raise SystemExit('no such table')"))


def test_a_program_that_ends_before_it_is_ready_is_told(tmp_path: Path) -> None:
    """Waiting stops at once, with the reason."""
    child = python(tmp_path, "raise SystemExit('no settings')")
    with pytest.raises(ChildError, match=r"ended at once with 1(.|\n)*no settings"):
        Program(child.command, ready=lambda: False).start()
