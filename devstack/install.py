"""`python3 devstack/install.py VENV LOCK`: the environment in VENV holds exactly what LOCK names, checked by hash.

Runs before anything is installed, so it knows the standard library alone. `uv`, itself pinned by hash, does the work
for speed; where it cannot, pip does. Both are told the index, links and certificates that pip is configured with.
"""

import argparse
import ast
import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

INSTALLER_LOCK = Path(__file__).with_name("installer.lock")

# pip's setting → how uv is told.
UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
}


class InstallError(RuntimeError):
    """The environment cannot be made. The text says what to do."""


def install(folder: Path, lock: Path) -> None:
    """The environment holds what the lock names. Does nothing when that lock was installed before."""
    folder.mkdir(exist_ok=True)
    with (folder / ".install-lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        made = _environment(folder)
        stamp = folder / f".installed-{lock.name}"
        wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
        if not made and stamp.exists() and stamp.read_text() == wanted:
            return
        _say(f"installing {lock.name} into {folder}; the first time takes a minute or two")
        _install(folder / "bin" / "python", lock)
        stamp.write_text(wanted)


def _environment(folder: Path) -> bool:
    """Whether a new environment was made, because there was none that runs."""
    python = folder / "bin" / "python"
    if python.exists() and _succeeds([str(python), "-c", "import pip"], {}):
        return False
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InstallError(
            f"{sys.executable} cannot make virtual environments: its ensurepip module is missing. "
            f"On Debian and Ubuntu it is in the package python3-venv (python{version}-venv): "
            "install that, then run the same command again."
        )
    _say(f"making the virtual environment {folder}")
    venv.create(folder, with_pip=True, symlinks=True, upgrade_deps=False)
    return True


def _install(python: Path, lock: Path) -> None:
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes", "-r"]
    quick = [str(python), "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--python", str(python)]
    strategy = ["--index-strategy", "unsafe-best-match", "-r", str(lock)]  # the hashes decide what is acceptable
    if _succeeds([*pip, str(INSTALLER_LOCK)], {}) and _succeeds([*quick, *strategy], _uv_environment(python)):
        return
    _say("uv could not install here; pip does it, which takes longer")
    if not _succeeds([*pip, str(lock)], {}):
        raise InstallError(f"pip could not install {lock}: its own message is above. Is a package index reachable?")


def _succeeds(command: list[str], variables: dict[str, str]) -> bool:
    environment = {**os.environ, **variables}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode == 0


def _uv_environment(python: Path) -> dict[str, str]:
    """The configuration of pip in uv's words; what the environment tells uv already stands."""
    listed = subprocess.run([str(python), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    told = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        variable = UV_VARIABLES.get(name.rpartition(".")[2])
        if variable and variable not in os.environ:
            told[variable] = " ".join(ast.literal_eval(value).split())
    return told


def _say(text: str) -> None:
    sys.stdout.write(f"paysaga: {text}\n")
    sys.stdout.flush()


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python3 devstack/install.py", description=__doc__)
    parser.add_argument("venv", type=Path)
    parser.add_argument("lock", type=Path)
    words = parser.parse_args()
    try:
        install(words.venv, words.lock)
    except InstallError as failure:
        sys.stderr.write(f"paysaga: {failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
