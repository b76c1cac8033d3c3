"""What dbos tells of the payments, asked as the bench asks Temporal."""

import asyncio

from bench.engine import Engine
from bench.peers.dbos_names import DATABASE
from devstack.postgres import EmbeddedPostgres

_COMPLETED = "SELECT count(*) FROM dbos.workflow_status WHERE name = '{workflow}' AND status = 'SUCCESS'"


class DbosEngine(Engine):
    """Its list of workflows is a table; histories and billable actions it has none."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres

    async def completed(self, workflow: str) -> int:
        """How many runs of this type have ended well."""
        query = _COMPLETED.format(workflow=workflow)
        return int(await asyncio.to_thread(self._postgres.sql, query, database=DATABASE))
