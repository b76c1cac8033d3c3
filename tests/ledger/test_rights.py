"""The functions are the only writers: the application role reads tables and calls functions, nothing more."""

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from devstack.postgres import APP_ROLE
from tests.ledger.clerk import Clerk

TABLES = (
    *("ledger_chart", "account", "ledger_step", "ledger_correction", "posting", "entry", "inbox", "hold"),
    *("sealed_day", "day_balance", "table_partition"),
)
FUNCTIONS = {
    "ledger_open_account",
    "ledger_block_account",
    "ledger_unblock_account",
    "ledger_close_account",
    "ledger_hold",
    "ledger_hold_from",
    "ledger_release",
    "ledger_post",
    "ledger_correct",
    "ledger_seal_day",
    "ledger_fold",
    "ledger_fold_some",
}
#: They only read, with the rights of whoever calls them.
READERS = {
    "ledger_zone",
    "ledger_day",
    "ledger_first_id",
    "ledger_day_digest",
    "ledger_balance_from",
    "ledger_balance_before",
    "ledger_balance_on",
    "ledger_days_open",
    "ledger_horizon",
    "ledger_horizon_day",
    "ledger_entered",
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement", ["INSERT INTO {} DEFAULT VALUES", "UPDATE {} SET {column} = {column}", "DELETE FROM {}", "TRUNCATE {}"]
)
async def test_the_application_writes_no_row(
    clerk: Clerk, owner: asyncpg.Connection, table: str, statement: str
) -> None:
    """Money moves by a function or not at all."""
    column = await owner.fetchval(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum = 1", table
    )
    async with clerk.session() as session:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await session.execute(text(statement.format(table, column=column)))


@pytest.mark.parametrize("table", TABLES)
async def test_the_application_reads_the_book(clerk: Clerk, table: str) -> None:
    """Reads are plain queries."""
    async with clerk.session() as session:
        await session.execute(text(f"SELECT * FROM {table} LIMIT 1"))  # noqa: S608 - a name from the list above


async def test_the_application_calls_these_functions_alone(owner: asyncpg.Connection) -> None:
    """Parts of a function, such as the one that moves balances, are nobody's but the owner's."""
    allowed = await owner.fetch(
        "SELECT proname FROM pg_proc WHERE proname LIKE 'ledger\\_%' AND has_function_privilege($1, oid, 'EXECUTE')",
        APP_ROLE,
    )
    assert FUNCTIONS | READERS == {row["proname"] for row in allowed}


async def test_what_runs_as_the_owner_has_a_fixed_search_path(owner: asyncpg.Connection) -> None:
    """A caller cannot put a table or function of its own before ours."""
    rows = await owner.fetch("SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND proname LIKE 'ledger\\_%'")
    assert FUNCTIONS == {row["proname"] for row in rows}
    assert all("search_path=public, pg_temp" in row["proconfig"] for row in rows)


async def test_the_book_belongs_to_the_owner_role(owner: asyncpg.Connection) -> None:
    """The application owns nothing, so it grants itself nothing."""
    owned = await owner.fetchval("SELECT count(*) FROM pg_class WHERE relowner = $1::text::regrole", APP_ROLE)
    assert 0 == owned
