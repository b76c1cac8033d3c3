"""The loop that folds the inboxes of hot accounts into their rows, so that reads stay short."""

import asyncio

import structlog
from asyncpg import PostgresError
from sqlalchemy.exc import SQLAlchemyError

from activities.pausing import pause
from ledger import book
from store.database import Database

ACCOUNTS_AT_ONCE = 50
BUSY_WAIT_S = 0.5
IDLE_WAIT_S = 2.0

_log = structlog.get_logger("folding")


class Folding:
    """Any number of instances may run at once: an account that is in use is left alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        """Folds until `stop`; where the database is down, it is tried again."""
        while not stop.is_set():
            wait_s = IDLE_WAIT_S
            try:
                if await self.tick():
                    wait_s = BUSY_WAIT_S
            except (SQLAlchemyError, PostgresError, OSError) as error:
                _log.warning("folding_waits", error=type(error).__name__)
            await pause(stop, wait_s)

    async def tick(self) -> int:
        """The longest inboxes are empty; answers how many rows they had."""
        async with self._database.transaction("ledger.fold") as session:
            return await book.fold_some(session, ACCOUNTS_AT_ONCE)
