"""The state folder: private, locked by one run at a time, and forgiving after a crash."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.errors import StateError
from devstack.state import StateFolder

ROOT = Path(__file__).resolve().parents[2]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_and_its_keys_are_private(tmp_path: Path) -> None:
    """Nobody else reads the keys."""
    state = StateFolder(tmp_path / "state")
    state.keys()
    assert 0o700 == mode(state.path)
    assert 0o600 == mode(state.path / "keys.json")


def test_a_folder_that_existed_keeps_its_rights(tmp_path: Path) -> None:
    """A folder that the user made is the user's to open or close."""
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o755)
    StateFolder(folder).keys()
    assert 0o755 == mode(folder)


def test_keys_stay_the_same(tmp_path: Path) -> None:
    """What one run encrypted the next can read."""
    assert StateFolder(tmp_path).keys() == StateFolder(tmp_path).keys()


def test_a_second_run_on_the_folder_is_refused(tmp_path: Path) -> None:
    """The refusal names the live run and the variable that moves the second one."""
    first = StateFolder(tmp_path)
    first.lock()
    with pytest.raises(StateError, match=rf"process {os.getpid()}.*PAYSAGA_HOME"):
        StateFolder(tmp_path).lock()
    first.unlock()


def test_a_lock_that_was_given_back_leaves_no_trace(tmp_path: Path) -> None:
    """A clean end is not taken for a crash."""
    first = StateFolder(tmp_path)
    first.lock()
    first.unlock()
    assert StateFolder(tmp_path).lock() is None


def test_the_lock_of_a_killed_run_is_recognised(tmp_path: Path) -> None:
    """The folder is ours again, and we learn which run left it."""
    script = (
        "import os, signal, sys; from pathlib import Path; from devstack.state import StateFolder\n"
        "StateFolder(Path(sys.argv[1])).lock(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT) as killed:
        assert -signal.SIGKILL == killed.wait()
    assert killed.pid == StateFolder(tmp_path).lock()


def test_logs_of_the_run_before_are_kept_once(tmp_path: Path) -> None:
    """Each run begins empty logs; the ones before are `.log.1`."""
    state = StateFolder(tmp_path)
    state.log("api").parent.mkdir()
    state.log("api").write_text("before")
    state.rotate_logs()
    assert "before" == (tmp_path / "logs" / "api.log.1").read_text()
    assert not state.log("api").exists()
