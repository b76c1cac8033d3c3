"""What is closed for good: the actions of operators in the audit's chain, and the days of the book."""

from datetime import timedelta

import structlog
from sqlalchemy import text
from temporalio import activity

from activities.heartbeat import heartbeats
from domain.verification import SealCounts
from ledger.days import ZONE, last_sealed, seal_day, sealed_after
from store import audit
from store.clock import database_now
from store.database import Database

# A first seal may close many days; the limits of a payment's steps are not its own.
_PATIENT = text("SET LOCAL statement_timeout = '10min'")
_log = structlog.get_logger("seal")


class Sealing:
    """Each seal is one transaction of one SQL call; a second run finds nothing to seal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="audit.seal")
    async def audit(self) -> SealCounts:
        """Every action of an operator is in a block; the log has each block's hash, for whoever keeps it elsewhere."""
        actions = 0
        while True:
            async with self._database.transaction("audit.seal") as session:
                block = await audit.seal(session)
            if block is None:
                return SealCounts(actions=actions)
            actions += block.actions
            _log.info("audit_sealed", block=block.n, actions=block.actions, hash=block.hash.hex())

    @activity.defn(name="book.seal")
    async def book(self) -> SealCounts:
        """Every day of the book up to yesterday is sealed: what belongs to it is booked later, with a reference.

        The log has the digest of each day that this run sealed, for whoever keeps it elsewhere.
        """
        async with heartbeats(), self._database.transaction("book.seal") as session:
            await session.execute(_PATIENT)
            yesterday = (await database_now(session)).astimezone(ZONE).date() - timedelta(days=1)
            before = await last_sealed(session)
            sealed = await seal_day(session, yesterday)
            new = await sealed_after(session, None if before is None else before.day)
        for day in new:
            _log.info("day_sealed", day=str(day.day), postings=day.postings, digest=day.digest.hex())
        return SealCounts(sealed_day=None if sealed is None else str(sealed.day))
