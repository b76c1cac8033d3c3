"""What the database tells. Read as the superuser and rolled back, so that no commit is counted."""

import json
from dataclasses import dataclass
from typing import Any

from devstack.plan import DATABASE
from devstack.postgres import EmbeddedPostgres

_READ = "BEGIN;\nSELECT coalesce(jsonb_agg(found), '[]') FROM ({query}) AS found;\nROLLBACK;\n"
_UNTOLD = """
    SELECT 1 AS untold FROM event WHERE handed_at IS NULL
    UNION ALL SELECT 1 FROM delivery WHERE state = 'pending'
"""
_STATISTICS = f"SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = '{DATABASE}'"  # noqa: S608
_SESSIONS = f"SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}'"  # noqa: S608


@dataclass(frozen=True)
class Statistics:
    """PostgreSQL's own count of transactions in our database."""

    commits: int
    rollbacks: int


class Rows:
    """Reads through psql, from the bench's database unless another one is named."""

    def __init__(self, postgres: EmbeddedPostgres, database: str = DATABASE) -> None:
        self._postgres = postgres
        self._database = database

    def read(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query, as JSON knows them."""
        return self._read(query, database=self._database)

    def untold(self) -> int:
        """Events and deliveries that the business has not been told of yet."""
        return len(self.read(_UNTOLD))

    def statistics(self) -> Statistics:
        """Complete once no session is left: a session hands its counts over when it ends."""
        row = self._read(_STATISTICS, database="postgres")[0]
        return Statistics(row["xact_commit"], row["xact_rollback"])

    def sessions(self) -> int:
        """How many connections to our database there are."""
        return len(self._read(_SESSIONS, database="postgres"))

    def set(self, name: str, value: str) -> None:
        """A setting of the server, from now on; sessions hear of it before their next statement."""
        self._postgres.sql(f"ALTER SYSTEM SET {name} = {value};\nSELECT pg_reload_conf();\n")

    def _read(self, query: str, *, database: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._postgres.sql(_READ.format(query=query), database=database))
        return found
