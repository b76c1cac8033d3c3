"""What a load made PostgreSQL write, whoever of its databases it was for; Temporal's own store is none of them."""

import json
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from devstack.postgres import EmbeddedPostgres

_COUNTED = """
    SELECT json_build_object(
        'wal_bytes', pg_current_wal_lsn() - '0/0'::pg_lsn,
        'commits', (SELECT sum(xact_commit) FROM pg_stat_database WHERE datname LIKE 'paysaga%')
    );
"""


class Written(BaseModel):
    """A payment's share. Commits are PostgreSQL's own count, in which a read is one too, and an idle poll."""

    model_config = ConfigDict(frozen=True)

    wal_kb: float
    commits: float


@dataclass(frozen=True)
class Writes:
    """Since the server began, as far as its sessions have told: each does so about once a second."""

    wal_bytes: int
    commits: int

    @classmethod
    def now(cls, postgres: EmbeddedPostgres) -> "Writes":
        """As the server counts now."""
        return cls(**json.loads(postgres.sql(_COUNTED)))

    def of_each(self, since: "Writes", payments: int) -> Written:
        """What was written since then, shared among so many payments."""
        return Written(
            wal_kb=(self.wal_bytes - since.wal_bytes) / 1_000 / max(1, payments),
            commits=(self.commits - since.commits) / max(1, payments),
        )
