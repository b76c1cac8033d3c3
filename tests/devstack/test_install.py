"""`make` on a machine that has nothing yet: what is installed, and what is said when it cannot be."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "devstack/installer.lock")
WITHOUT_ENSUREPIP = (
    "import runpy, sys; sys.modules['ensurepip'] = None; sys.argv = sys.argv[1:]\n"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


def install(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words, str(ROOT / "devstack" / "install.py"), str(tmp_path / "venv")]
    return subprocess.run([*command, str(tmp_path / "empty.lock")], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_pin_by_hash_and_name_no_index(lock: str) -> None:
    """Any mirror serves, and what it serves is checked."""
    text = (ROOT / lock).read_text()
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in requirement for requirement in requirements if not requirement.startswith("#"))
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_a_python_without_venv_is_told_which_package_to_install(tmp_path: Path) -> None:
    """Debian ships Python without ensurepip; nothing half-made is taken for an environment later."""
    (tmp_path / "empty.lock").write_text("")
    ran = install(tmp_path, "-c", WITHOUT_ENSUREPIP)
    assert 1 == ran.returncode
    assert "python3-venv" in ran.stderr
    assert not (tmp_path / "venv" / "bin").exists()


def test_a_lock_that_was_installed_is_not_installed_again(tmp_path: Path) -> None:
    """A second start does not wait for pip."""
    (tmp_path / "empty.lock").write_text("# nothing\n")
    first, second = install(tmp_path), install(tmp_path)
    assert [0, 0] == [first.returncode, second.returncode], first.stderr
    assert [True, False] == ["installing empty.lock" in ran.stdout for ran in (first, second)]


def test_make_refuses_an_old_python_in_words(tmp_path: Path) -> None:
    """Whoever has only an old Python learns which one is needed, not where a syntax error is."""
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\ncase "$1" in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    ran = subprocess.run(["make", "python", f"PYTHON={old}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode
    assert "needs Python 3.11 or newer" in ran.stderr
    assert "Python 3.9.2" in ran.stderr


def test_make_says_when_there_is_no_python(tmp_path: Path) -> None:
    """The message names the variable that chooses another interpreter."""
    missing = tmp_path / "missing"
    ran = subprocess.run(["make", "python", f"PYTHON={missing}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode
    assert "set PYTHON" in ran.stderr
