"""Brings a database to the newest revision, as the owner role: `python -m store.migrate`."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


async def migrate(url: str, *, revision: str = "head") -> None:
    """The database behind the owner's URL is at that revision, the newest; one that is there already is unchanged."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade, revision)
        await connection.commit()
    await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


if __name__ == "__main__":
    asyncio.run(migrate(Settings().require_owner_database_url()))
