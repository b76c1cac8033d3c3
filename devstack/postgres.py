import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack.child import Account, Child, Command
from devstack.errors import ChildError
from devstack.postgres_programs import programs_for
from devstack.service_home import own_user_name, service_account, service_home, socket_folder

OWNER_ROLE = "paysaga_owner"
APP_ROLE = "paysaga_app"
SUPERUSER = "postgres"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
PROC = Path("/proc")  # where the system has one

# A server that was killed leaves its helpers behind for a moment; they end by themselves.
STILL_ENDING = re.compile(r"lock file .* already exists|pre-existing shared memory block")

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # our statements are short: compiling one costs more than running it
    "track_commit_timestamp": "off",
}

ROLES_SQL = """
SELECT format('CREATE ROLE %I LOGIN', role) FROM (VALUES ('{owner}'), ('{app}')) AS wanted (role)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \\gexec
"""

DATABASE_SQL = """
SELECT 'CREATE DATABASE {name} OWNER {owner}'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT ON DATABASE {name} TO {app};
"""


class EmbeddedPostgres:
    """A durable PostgreSQL of our own in one folder, reached by its Unix socket alone.

    Only the operating system's user that starts it can connect, as any role (peer authentication). The server ends
    with the thread that started it, so start it from one that lives as long. `folder` receives the log; the data lie
    in `home`, which is inside `folder`, or, when root starts it, a folder of the service user's own.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None, log: Path | None = None) -> None:
        self.folder = folder.absolute()
        self.account: Account | None = service_account()
        self.home = service_home(self.folder, self.account)
        self.socket_folder = socket_folder(self.home, self.account)
        self.data = self.home / "data"
        self.log = log or self.folder / "postgres.log"
        self._settings = {**SETTINGS, "unix_socket_directories": str(self.socket_folder), **(settings or {})}
        self._programs = programs_for(self.account, self.home)
        self.child = Child(self._server_command())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Self:
        """The server answers; folders were made where needed. Also after a crash or `kill` on the same folder."""
        self.prepare()
        deadline = time.monotonic() + START_TIMEOUT_S
        self.child.start()
        while not self.ready:
            if not self.child.alive:
                self._start_again_if_still_ending(deadline)
            if time.monotonic() > deadline:
                raise self.child.failure("was not ready in time")
            time.sleep(0.02)
        return self

    def prepare(self) -> None:
        """The data folder exists, and no server of an earlier run uses it any more."""
        self._end_left_over_server()
        if not (self.data / "PG_VERSION").exists():
            self._make_data_folder()
        self._write("pg_hba.conf", "local all all peer map=paysaga\n")
        self._write("pg_ident.conf", f"paysaga {own_user_name()} all\n")

    @property
    def ready(self) -> bool:
        """Whether the server that we started accepts connections, by its own status file."""
        lines = self._status_lines()
        return len(lines) > 7 and lines[0] == str(self.child.pid) and lines[7].strip() == "ready"  # noqa: PLR2004

    def stop(self) -> None:
        """The server has written everything and ended; open sessions were cut."""
        self.child.stop(ask=signal.SIGINT, timeout_s=STOP_TIMEOUT_S)

    def kill(self) -> None:
        """The server has ended as by `kill -9`."""
        self.child.kill()

    def destroy(self) -> None:
        """Stopped, and its data are gone for good."""
        self.stop()
        for path in {self.home, self.socket_folder}:
            shutil.rmtree(path, ignore_errors=True)

    def url(self, role: str, database: str) -> str:
        """An SQLAlchemy URL over asyncpg for one role and database."""
        return f"postgresql+asyncpg://{role}@/{database}?host={self.socket_folder}"

    def create_database(self, name: str = "paysaga") -> None:
        """Both roles exist, without any privilege of a superuser, and the owner's database, closed to PUBLIC."""
        words = {"owner": OWNER_ROLE, "app": APP_ROLE, "name": name}
        self.sql(ROLES_SQL.format(**words))
        self.sql(DATABASE_SQL.format(**words))

    def drop_database(self, name: str) -> None:
        """The database is gone, whoever was connected to it."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE);")

    def sql(self, script: str, *, database: str = SUPERUSER) -> str:
        """The script has run as the superuser; answers psql's unaligned output. Raises `ChildError`."""
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.socket_folder), "-U", SUPERUSER]
        ran = subprocess.run(
            [str(self._programs / "psql"), *options, "-d", database, "-f", "-"],
            input=script,
            env=plain_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise ChildError(f"psql refused a script of the stack: {ran.stderr.strip()}")
        return ran.stdout.strip()

    def _server_command(self) -> Command:
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        return self._command("PostgreSQL", [str(self._programs / "postgres"), "-D", str(self.data), *options])

    def _command(self, name: str, argv: list[str]) -> Command:
        return Command(
            name=name,
            argv=argv,
            log=self.log,
            environment=plain_environment(),
            folder=self.home,
            account=self.account,
            death_signal=signal.SIGINT,
        )

    def _make_data_folder(self) -> None:
        """Made beside its place and renamed, so that an interrupted start leaves nothing half-made."""
        half = self.home / "data.new"
        shutil.rmtree(half, ignore_errors=True)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv = [str(self._programs / "initdb"), "-D", str(half), "-U", SUPERUSER, "-A", "peer", *locale]
        child = Child(self._command("initdb", argv))
        child.start()
        if not child.wait(START_TIMEOUT_S) or child.exit_code:
            child.kill()
            raise child.failure("could not make the data folder")
        half.rename(self.data)

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.write_text(text)
        if self.account:
            os.chown(path, self.account.user_id, self.account.group_id)

    def _status_lines(self) -> list[str]:
        """The server's status file; empty where there is none, or while it is being written."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _start_again_if_still_ending(self, deadline: float) -> None:
        if not STILL_ENDING.search(self.child.log_tail()[-1000:]) or time.monotonic() > deadline:
            raise self.child.failure(f"ended at once with {self.child.exit_code}")
        time.sleep(0.3)
        self.child.start()

    def _end_left_over_server(self) -> None:
        """A server of a supervisor that was killed is asked to end. A number that went to another is no server."""
        lines = self._status_lines()
        if not lines or not PROC.exists():
            return
        pid, deadline = int(lines[0]), time.monotonic() + STOP_TIMEOUT_S
        while _works_in(pid, self.data):
            if time.monotonic() > deadline:
                raise ChildError(f"PostgreSQL {pid} of an earlier run does not end. Stop it and start again.")
            os.kill(pid, signal.SIGINT)
            time.sleep(0.1)
        if (PROC / str(pid)).exists():
            # PostgreSQL takes its parent's number for stale, and still looks for helpers that hold its memory.
            self._write("postmaster.pid", "\n".join([str(os.getpid()), *lines[1:], ""]))
            (self.socket_folder / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def plain_environment() -> dict[str, str]:
    """Our environment without what would turn a PostgreSQL program elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _works_in(pid: int, folder: Path) -> bool:
    """Whether that process runs there: a server's working folder is its data folder."""
    try:
        return (PROC / str(pid) / "cwd").readlink() == folder
    except (FileNotFoundError, PermissionError):
        return False
