"""A migration carries its SQL as it was then; the newest one leads to what today's files make."""

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

import ledger.tables
import store.tables
from store.migrate import migrate
from tests.store.catalogue import QUERIES, describe
from tests.support.servers import Addresses

assert ledger.tables.__doc__  # importing these registers every table
assert store.tables.__all__


@pytest.mark.parametrize("kind", QUERIES)
async def test_a_migrated_database_is_what_todays_files_make(
    migrated: asyncpg.Connection, made: asyncpg.Connection, kind: str
) -> None:
    """Whoever edits a table, a function or a grant writes a migration, or this says what differs."""
    of_migrations, of_files = await describe(migrated, kind), await describe(made, kind)
    assert ([], []) == (sorted(of_files - of_migrations), sorted(of_migrations - of_files))
    assert of_files or kind == "triggers"


async def test_the_table_classes_are_the_tables(addresses: Addresses) -> None:
    """Alembic finds no difference in tables, columns, types, defaults, keys and indexes."""
    engine = create_async_engine(addresses.owner_url, poolclass=NullPool)
    async with engine.connect() as connection:
        assert [] == await connection.run_sync(_differences)
    await engine.dispose()


async def test_migrating_again_changes_nothing(addresses: Addresses) -> None:
    """Every start of the stack runs the migrations."""
    await migrate(addresses.owner_url)
    await migrate(addresses.owner_url)


def _differences(connection: Connection) -> list[object]:
    partitions = set(connection.scalars(text("SELECT relname FROM pg_class WHERE relispartition")))

    def is_ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or name not in partitions | {"alembic_version"}

    options = {"compare_type": True, "compare_server_default": True, "include_name": is_ours}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))
