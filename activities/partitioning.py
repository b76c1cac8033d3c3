"""The job of the partitions: those of the time to come exist, and the old ones are in the archive."""

from datetime import timedelta

import structlog
from sqlalchemy import text
from temporalio import activity

from activities.heartbeat import heartbeats
from domain.partitions import PartitionCommand, PartitionCounts
from store.clock import database_now
from store.database import Database
from store.partitions import archive_oldest, make_ahead

# What is open is looked for in whole tables before anything is locked.
_PATIENT = text("SET LOCAL statement_timeout = '10min'")
_log = structlog.get_logger("partitions")


class Partitioning:
    """Each period is one transaction of one SQL call; a second run finds nothing to do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="partitions.run")
    async def run(self, command: PartitionCommand) -> PartitionCounts:
        """Partitions exist for two periods to come; what is older than the retention and at rest is detached.

        Nothing is dropped: what was detached lies in the schema `archive`. The log says why an old one stays.
        """
        async with heartbeats():
            async with self._database.transaction("partitions.make") as session:
                made = await make_ahead(session, command.days)
            archived, kept_for = await self._archive(command.retention_days)
        counts = PartitionCounts(made=made, archived=archived, kept_for=kept_for)
        if kept_for is not None:
            _log.warning("partition_kept", reason=kept_for)
        if made or archived:
            _log.info("partitioned", made=made, archived=archived)
        return counts

    async def _archive(self, retention_days: int | None) -> tuple[int, str | None]:
        """Oldest first: one that has to stay keeps all later ones."""
        archived, kept_for = 0, None
        if retention_days is None:
            return archived, kept_for
        while True:
            async with self._database.transaction("partitions.archive") as session:
                await session.execute(_PATIENT)
                before = await database_now(session) - timedelta(days=retention_days)
                found, kept_for = await archive_oldest(session, before)
            if not found:
                return archived, kept_for
            archived += found
