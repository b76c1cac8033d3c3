"""The table classes and the chart in Python are what the SQL files make."""

from typing import Any

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel

from ledger import tables
from ledger.chart import CHART, OwnedBy

NAMES = {
    table.__tablename__
    for table in (
        tables.LedgerChart,
        tables.Account,
        tables.LedgerStep,
        tables.Posting,
        tables.Entry,
        tables.Inbox,
        tables.Hold,
        tables.SealedDayRow,
        tables.DayBalance,
    )
}


async def test_the_classes_have_the_columns_of_the_sql(engine: AsyncEngine) -> None:
    """Alembic finds no difference in tables, columns, types, defaults, indexes and keys."""
    async with engine.connect() as connection:
        assert [] == await connection.run_sync(_differences)


async def test_the_chart_is_the_same_in_both_places(owner: asyncpg.Connection) -> None:
    """A kind that is added is added in both."""
    rows = await owner.fetch("SELECT kind, class, normal_sign, opened_by FROM ledger_chart")
    assert {
        (row.kind.value, row.account_class.value, row.normal_sign, row.owned_by is OwnedBy.HOLDER)
        for row in CHART.values()
    } == {(row["kind"], row["class"], row["normal_sign"], row["opened_by"] == "owner") for row in rows}


def _differences(connection: Connection) -> list[Any]:
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_name": lambda name, kind, _: kind != "table" or name in NAMES,
        "include_object": lambda _, name, kind, *__: kind != "table" or name in NAMES,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))
