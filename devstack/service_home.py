"""Where the database's files may lie, and whose they are.

PostgreSQL refuses to run as root. Started by root it therefore runs as a service user and keeps its files in a folder
of that user's own; nobody else's folder is opened up for it. Started by anybody else it runs as that user.
"""

import hashlib
import os
import pwd
import tempfile
from pathlib import Path

from devstack.child import Account
from devstack.errors import ServiceHomeError

# The first that exists. A machine without the first two always has the last.
SERVICE_USERS = ("paysaga", "postgres", "nobody")
SERVICE_ROOT = Path("/var/lib/paysaga")
SOCKET_FOLDER_BYTES_MAX = 85  # a socket's whole path fits 103 bytes everywhere; the server adds 18


def service_account() -> Account | None:
    """The user that the database runs as; None means our own."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = next(known[name] for name in SERVICE_USERS if name in known)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def own_user_name() -> str:
    """The operating system's name of the user we run as."""
    return pwd.getpwuid(os.geteuid()).pw_name


def service_home(folder: Path, account: Account | None) -> Path:
    """The private folder of the database's user: inside `folder`, or outside of it when that user is not us."""
    if account is None:
        return private_folder(folder / "postgres", None)
    if not os.access(SERVICE_ROOT.parent, os.W_OK):
        return private_folder(_temporary(folder), account)
    if not SERVICE_ROOT.exists():
        SERVICE_ROOT.mkdir()
        SERVICE_ROOT.chmod(0o755)  # whatever our umask: the service user must get through
    return private_folder(SERVICE_ROOT / _name_of(folder), account)


def socket_folder(home: Path, account: Account | None) -> Path:
    """The folder for the socket: `home`, or a short private one when that path is too long for a socket."""
    fits = len(os.fsencode(home)) <= SOCKET_FOLDER_BYTES_MAX
    return home if fits else private_folder(_temporary(home), account)


def private_folder(path: Path, account: Account | None) -> Path:
    """The folder exists, is the account's (ours without one) and has mode 0700; parents keep their modes."""
    user_id, group_id = (account.user_id, account.group_id) if account else (os.geteuid(), os.getegid())
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(path):
        path.mkdir(mode=0o700)
        os.chown(path, user_id, group_id)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != user_id or found.st_mode & 0o077:
        raise ServiceHomeError(f"{path} must be a folder of user {user_id} with mode 0700. Move it away, start again.")
    return path


def _temporary(folder: Path) -> Path:
    return Path(tempfile.gettempdir()) / f"paysaga-{_name_of(folder)}"


def _name_of(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
