"""The tables that only grow have partitions for the time to come; none refuses a row, and no row is lost in one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from activities.verification import verify
from domain.ids import new_id
from store.database import Database
from store.partitions import archive_oldest, make_ahead
from tests.store.conftest import Upgraded, connect
from tests.support.servers import Addresses, own_database

_PERIODS = """
    SELECT table_name, array_agg(begins_at ORDER BY begins_at) AS begins, array_agg(ends_at ORDER BY begins_at) AS ends
    FROM table_partition GROUP BY table_name ORDER BY table_name
"""
_TABLES = ["callback", "delivery", "delivery_attempt", "entry", "event", "evidence", "posting"]
_STRAY = text("INSERT INTO delivery_attempt (delivery_id, number, duration_ms) VALUES (:id, 1, 7)")
_FOUND = text("SELECT duration_ms, tableoid::regclass::text AS lies_in FROM delivery_attempt WHERE delivery_id = :id")
_OF_LATER = "SELECT 'dlv_' || partition_letters(now() + interval '70 days')"


@pytest.fixture
async def fresh(addresses: Addresses) -> AsyncIterator[Upgraded]:
    """A database of its own, as its owner and as the application."""
    own = await own_database(addresses)
    database = Database.connect(own.database_url, pool_size=4)
    async with connect(make_url(own.owner_url)) as owner:
        yield Upgraded(owner, database)
    await database.close()


async def test_there_are_partitions_for_two_periods_to_come(fresh: Upgraded) -> None:
    """Each table's follow each other without a gap, the first takes all that was before; a repeat makes none."""
    rows = await fresh.owner.fetch(_PERIODS)
    assert _TABLES == [row["table_name"] for row in rows]
    for row in rows:
        assert row["begins"][1:] == row["ends"][:-1]
        assert row["ends"][-1] > datetime.now(UTC) + timedelta(days=60)
    assert 0 == await _made(fresh.database, days=30)


async def test_the_job_makes_what_is_missing(fresh: Upgraded) -> None:
    """Every table gets what a longer period needs; what there is stays."""
    before = await fresh.owner.fetchval("SELECT count(*) FROM table_partition")
    made = await _made(fresh.database, days=100)
    assert made >= 2 * len(_TABLES)
    assert before + made == await fresh.owner.fetchval("SELECT count(*) FROM table_partition")


async def test_ids_are_in_the_order_of_the_partitions(fresh: Upgraded) -> None:
    """What Python makes an id of is what SQL makes a bound of."""
    before, made, after = datetime.now(UTC), new_id("dlv"), datetime.now(UTC) + timedelta(milliseconds=1)
    first, last = [await fresh.owner.fetchval("SELECT partition_letters($1)", at) for at in (before, after)]
    assert first <= made[4:14] <= last


async def test_a_row_of_no_partition_is_kept_told_and_moved(fresh: Upgraded) -> None:
    """It is a finding until its partition is made; the row is there all the time."""
    stray = await fresh.owner.fetchval(_OF_LATER) + "0" * 16
    async with fresh.database.transaction("test.stray") as session:
        await session.execute(_STRAY, {"id": stray})
    report = await verify(fresh.database)
    told = [(verdict.invariant.number, dict(verdict.rows[0])) for verdict in report.broken]
    assert [(36, {"table_name": "delivery_attempt", "rows": 1})] == told
    assert (7, "delivery_attempt_default") == await _row(fresh.database, stray)
    await _made(fresh.database, days=100)
    duration_ms, lies_in = await _row(fresh.database, stray)
    assert (7, True) == (duration_ms, lies_in not in {"delivery_attempt_default", "delivery_attempt_first"})
    assert () == (await verify(fresh.database)).broken


async def test_an_event_is_once_only_across_partitions(fresh: Upgraded) -> None:
    """One for each version of an object and each type, whatever partition the first lies in."""
    append = text("SELECT event_append('mer_x', 'payment.succeeded', 'pay_x', 3, '{}')")
    async with fresh.database.transaction("test.append") as session:
        await session.execute(append)
    with pytest.raises(IntegrityError, match="event_once"):
        async with fresh.database.transaction("test.append") as session:
            await session.execute(append)


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM entry_first", "SELECT partition_add('entry', '2020-01-01', '2021-01-01')"]
)
async def test_the_application_reaches_a_partition_by_its_table_alone(fresh: Upgraded, statement: str) -> None:
    """It owns none and makes none but by the job."""
    async with fresh.database.reading() as session:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await session.execute(text(statement))


async def test_a_period_that_is_not_over_stays(fresh: Upgraded) -> None:
    """Nothing is detached before its time is over, whatever is asked for."""
    async with fresh.database.transaction("test.archive") as session:
        assert (0, None) == await archive_oldest(session, datetime.now(UTC))
        assert (0, "its time is not over") == await archive_oldest(session, datetime.now(UTC) + timedelta(days=9))


async def test_what_was_there_before_is_in_the_first_partition(upgraded: Upgraded) -> None:
    """No row was written again: each lies where it lay, under the new table."""
    assert [] == await upgraded.owner.fetch("SELECT * FROM partition_strays()")
    lie_in = await upgraded.owner.fetch("SELECT DISTINCT tableoid::regclass::text FROM entry")
    assert ["entry_first"] == [row[0] for row in lie_in]
    gates = "SELECT (SELECT count(*) FROM event_once) = (SELECT count(*) FROM event) AND EXISTS (SELECT FROM event)"
    assert await upgraded.owner.fetchval(gates)
    numbered = "INSERT INTO event (id, merchant_id, type, object_id, object_version) VALUES ('evt_0', 'm', 't', 'o', 1)"
    last = await upgraded.owner.fetchval("SELECT max(sequence) FROM event")
    assert last + 1 == await upgraded.owner.fetchval(f"{numbered} RETURNING sequence")


async def _made(database: Database, *, days: int) -> int:
    async with database.transaction("test.make") as session:
        return await make_ahead(session, days)


async def _row(database: Database, delivery_id: str) -> tuple[int, str]:
    async with database.reading() as session:
        row = (await session.execute(_FOUND, {"id": delivery_id})).one()
    return row.duration_ms, row.lies_in
