"""The application role in a migrated database: it reads the book, and rewrites no history."""

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from devstack.postgres import APP_ROLE
from store.database import Database

BOOK = ("ledger_chart", "account", "ledger_step", "posting", "entry", "inbox", "hold")
HISTORY = ("evidence", "operator_action", "audit_block")


@pytest.mark.parametrize("table", BOOK)
@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"])
async def test_the_application_writes_no_row_of_the_book(migrated: asyncpg.Connection, table: str, right: str) -> None:
    """Money moves by a function of the book or not at all."""
    assert not await migrated.fetchval("SELECT has_table_privilege($1, $2, $3)", APP_ROLE, table, right)


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE"])
async def test_what_was_said_and_done_is_never_rewritten(migrated: asyncpg.Connection, table: str, right: str) -> None:
    """Evidence and operators' actions are appended only."""
    assert not await migrated.fetchval("SELECT has_table_privilege($1, $2, $3)", APP_ROLE, table, right)


async def test_a_row_of_the_book_is_refused_for_real(database: Database) -> None:
    """The privilege is not only on paper."""
    async with database.reading() as session:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await session.execute(text("INSERT INTO entry DEFAULT VALUES"))


async def test_the_application_makes_no_objects(migrated: asyncpg.Connection) -> None:
    """It could put a function of its own before one of ours."""
    assert not await migrated.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", APP_ROLE)
    owned = await migrated.fetchval("SELECT count(*) FROM pg_class WHERE relowner = $1::text::regrole", APP_ROLE)
    assert 0 == owned


async def test_every_function_that_runs_as_the_owner_has_a_fixed_search_path(migrated: asyncpg.Connection) -> None:
    """A caller cannot lead it to tables of its own."""
    rows = await migrated.fetch("SELECT proname, proconfig FROM pg_proc WHERE prosecdef")
    assert rows
    assert [] == [row["proname"] for row in rows if "search_path=public, pg_temp" not in (row["proconfig"] or [])]
