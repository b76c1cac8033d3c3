"""The script that makes the roles runs on a real PostgreSQL, and gives what the stack on one machine gives."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.postgres import EmbeddedPostgres
from devstack.postgres_programs import installed_programs

ROOT = Path(__file__).resolve().parents[2]
RIGHTS = """
SELECT datname || ' ' || pg_get_userbyid(datdba) || ' ' || has_database_privilege('paysaga_app', datname, 'CONNECT')
  || ' ' || has_database_privilege('paysaga_app', datname, 'CREATE,TEMP')
FROM pg_database WHERE datname = 'paysaga'
UNION ALL SELECT rolname || ' ' || rolcanlogin || rolsuper || rolcreaterole || rolcreatedb
FROM pg_roles WHERE rolname IN ('paysaga_owner', 'paysaga_app') ORDER BY 1
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A cluster without our roles."""
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start()
    yield postgres
    postgres.destroy()


def test_compose_makes_the_same_roles_as_the_stack_on_one_machine(server: EmbeddedPostgres, tmp_path: Path) -> None:
    """The same code runs on both, so the roles' rights must be the same."""
    variables = {
        "POSTGRES_USER": "postgres",
        "PGHOST": str(server.socket_folder),
        "PAYSAGA_OWNER_PASSWORD": "it's one",
        "PAYSAGA_APP_PASSWORD": "two",
        "TEMPORAL_DATABASE_PASSWORD": "three",
        "PATH": f"{installed_programs()}:{os.environ['PATH']}",
    }
    subprocess.run([str(ROOT / "deploy" / "postgres" / "10-roles.sh")], env=variables, check=True, capture_output=True)
    by_compose = server.sql(RIGHTS)
    other = EmbeddedPostgres(tmp_path / "other")
    other.start().create_database()
    by_devstack = other.sql(RIGHTS)
    other.destroy()
    assert by_devstack == by_compose
    assert "3" == server.sql("SELECT count(*) FROM pg_database WHERE datname ~ '^(paysaga|temporal)'")
