"""What is closed for good: the actions of operators in the audit's chain, and the days of the book."""

import structlog
from temporalio import activity

from domain.verification import SealCounts
from store import audit
from store.database import Database

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
