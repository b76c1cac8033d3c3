"""Which schema this code is written for, and the wait for a database that has it."""

import asyncio

import structlog
from asyncpg import PostgresError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from store.database import Database

#: The newest revision in `store/migrations/versions`; a test compares them.
HEAD = "0004"
LOOK_EVERY_S = 0.2
SAY_EVERY = 25

_REVISION = text("SELECT version_num FROM alembic_version")
_log = structlog.get_logger("schema")


async def revision(database: Database) -> str | None:
    """The database's revision; None when it has none or does not answer."""
    try:
        async with database.reading() as session:
            found: str | None = await session.scalar(_REVISION)
            return found
    except (SQLAlchemyError, PostgresError, OSError):
        return None


async def wait_for_schema(database: Database) -> None:
    """The database is at this code's revision: nothing is served on another one."""
    looks = 0
    while (found := await revision(database)) != HEAD:
        if looks % SAY_EVERY == 0:
            _log.warning("waiting_for_schema", found=found, wanted=HEAD)
        looks += 1
        await asyncio.sleep(LOOK_EVERY_S)
