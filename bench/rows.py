"""What the database tells of the payments. Read as the superuser and rolled back, so that no commit is counted."""

import json
from dataclasses import dataclass
from typing import Any

from devstack.plan import DATABASE
from devstack.postgres import EmbeddedPostgres

_READ = "BEGIN;\nSELECT coalesce(jsonb_agg(found), '[]') FROM ({query}) AS found;\nROLLBACK;\n"
_MOMENTS = """
    SELECT p.id, extract(epoch FROM c.received_at) AS called_at, extract(epoch FROM p.updated_at) AS ended_at
    FROM payment p JOIN attempt a ON a.payment_id = p.id JOIN callback c ON c.out_no = a.out_no
    WHERE p.order_no LIKE '{name}-%' AND p.state = 'succeeded'
"""
_UNTOLD = """
    SELECT 1 AS untold FROM event WHERE handed_at IS NULL
    UNION ALL SELECT 1 FROM delivery WHERE state = 'pending'
"""
_STATISTICS = f"SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = '{DATABASE}'"  # noqa: S608
_SESSIONS = f"SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}'"  # noqa: S608


@dataclass(frozen=True)
class Moments:
    """When the callback came in, and when the last transaction of its payment began; seconds of the clock."""

    called_at: float
    ended_at: float


@dataclass(frozen=True)
class Statistics:
    """PostgreSQL's own count of transactions in our database."""

    commits: int
    rollbacks: int


class Rows:
    """Reads through psql."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres

    def moments(self, name: str) -> dict[str, Moments]:
        """Of each payment of this load that succeeded, by its id."""
        found = self._read(_MOMENTS.format(name=name))
        return {row["id"]: Moments(row["called_at"], row["ended_at"]) for row in found}

    def untold(self) -> int:
        """Events and deliveries that the business has not been told of yet."""
        return len(self._read(_UNTOLD))

    def statistics(self) -> Statistics:
        """Complete once no session is left: a session hands its counts over when it ends."""
        row = self._read(_STATISTICS, database="postgres")[0]
        return Statistics(row["xact_commit"], row["xact_rollback"])

    def sessions(self) -> int:
        """How many connections to our database there are."""
        return len(self._read(_SESSIONS, database="postgres"))

    def without_autovacuum(self) -> None:
        """Its transactions are not counted among ours."""
        self._postgres.sql("ALTER SYSTEM SET autovacuum = off;\nSELECT pg_reload_conf();\n")

    def _read(self, query: str, *, database: str = DATABASE) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._postgres.sql(_READ.format(query=query), database=database))
        return found
