"""The session of a transaction: text and table objects are one transaction, and a lost connection is nobody's."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, NoResultFound
from sqlmodel import col, select

from domain.ids import new_id
from store.database import Database
from store.session import SwallowedFailure
from store.tables.requests import IdempotencyKey
from tests.support.centre import eventually
from tests.support.servers import Addresses

_ADD = text(
    "INSERT INTO idempotency_key (merchant_id, route, key, request_hash, object_id)"
    " VALUES (:merchant_id, 'test', :key, '', '')"
)
_KEYS = text("SELECT key FROM idempotency_key WHERE merchant_id = :merchant_id ORDER BY key")
SOON_S = 0.2
_BACKEND = text("SELECT pg_backend_pid()")


class _Undone(Exception):
    pass


@pytest.fixture
async def lone(addresses: Addresses) -> AsyncIterator[Database]:
    """A pool of one connection."""
    made = Database.connect(addresses.database_url, pool_size=1)
    yield made
    await made.close()


def _row(merchant_id: str, key: str) -> IdempotencyKey:
    return IdempotencyKey(merchant_id=merchant_id, route="test", key=key, request_hash="", object_id="")


async def _keys(database: Database, merchant_id: str) -> list[str]:
    async with database.reading() as session:
        return [row.key for row in await session.execute(_KEYS, {"merchant_id": merchant_id})]


async def test_text_and_table_objects_are_one_transaction(lone: Database) -> None:
    """Each sees what the other wrote, and both stand."""
    merchant_id = new_id("mer")
    async with lone.transaction("test") as session:
        await session.execute(_ADD, {"merchant_id": merchant_id, "key": "a"})
        session.add(_row(merchant_id, "b"))
        await session.flush()
        assert ["a", "b"] == list((await session.execute(_KEYS, {"merchant_id": merchant_id})).scalars())
        of_merchant = select(IdempotencyKey).where(col(IdempotencyKey.merchant_id) == merchant_id)
        assert {"a", "b"} == {row.key for row in (await session.scalars(of_merchant)).all()}
    assert ["a", "b"] == await _keys(lone, merchant_id)


async def test_an_error_undoes_text_and_table_objects(lone: Database) -> None:
    """Neither stands, and the connection serves the next."""
    merchant_id = new_id("mer")

    async def fail() -> None:
        async with lone.transaction("test") as session:
            session.add(_row(merchant_id, "b"))
            await session.flush()
            await session.execute(_ADD, {"merchant_id": merchant_id, "key": "a"})
            raise _Undone

    with pytest.raises(_Undone):
        await fail()
    assert [] == await _keys(lone, merchant_id)


async def test_a_failed_statement_is_an_error_of_sqlalchemys_without_its_parameters(lone: Database) -> None:
    """Callers know one tree of errors; what was bound stays out of logs and workflows (law 14)."""
    merchant_id = new_id("mer")

    async def add_twice() -> None:
        async with lone.transaction("test") as session:
            for _ in range(2):
                await session.execute(_ADD, {"merchant_id": merchant_id, "key": "a"})

    with pytest.raises(IntegrityError) as refused:
        await add_twice()
    assert "23505" == getattr(refused.value.orig, "sqlstate", None)
    assert refused.value.hide_parameters
    assert [] == await _keys(lone, merchant_id)


async def test_a_block_whose_statement_was_given_up_commits_nothing_and_says_so(lone: Database) -> None:
    """The statement's time was over, and the server has ended the transaction with it."""
    merchant_id = new_id("mer")

    async def give_up() -> None:
        async with lone.transaction("test.give_up") as session:
            await session.execute(_ADD, {"merchant_id": merchant_id, "key": "a"})
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SOON_S):
                    await session.execute(text("SELECT pg_sleep(60)"))

    with pytest.raises(SwallowedFailure):
        await give_up()
    async with lone.reading() as session:
        assert [] == list(await session.scalars(_KEYS, {"merchant_id": merchant_id}))


async def test_a_block_that_swallowed_a_failed_statement_commits_nothing_and_says_so(lone: Database) -> None:
    """PostgreSQL answers its COMMIT with a rollback: neither counted nor taken for done."""
    merchant_id = new_id("mer")

    async def swallow() -> None:
        async with lone.transaction("test.swallow") as session:
            await session.execute(_ADD, {"merchant_id": merchant_id, "key": "a"})
            with pytest.raises(DBAPIError):
                await session.execute(text("SELECT 1 / 0"))

    with pytest.raises(SwallowedFailure) as refused:
        await swallow()
    assert isinstance(refused.value.__cause__, DBAPIError)
    assert ([], 0) == (await _keys(lone, merchant_id), lone.commits["test.swallow"])


@pytest.mark.parametrize("whole", [False, True])
async def test_a_block_is_not_rolled_back_from_within(lone: Database, *, whole: bool) -> None:
    """It would undo table objects and leave what text did, or nothing at all; so it undoes the block and says so."""
    merchant_id = new_id("mer")

    async def roll_back() -> None:
        async with lone.transaction("test") as session:
            await session.execute(_ADD, {"merchant_id": merchant_id, "key": "a"})
            if whole:
                session.add(_row(merchant_id, "b"))
                await session.flush()
            await session.rollback()

    with pytest.raises(RuntimeError, match="an error that leaves it"):
        await roll_back()
    assert [] == await _keys(lone, merchant_id)


async def test_a_block_has_no_savepoints(lone: Database) -> None:
    """They would hold for table objects, and not for text."""
    with pytest.raises(RuntimeError, match="no savepoints"):
        async with lone.transaction("test") as session:
            session.begin_nested()


async def test_no_row_is_no_row(lone: Database) -> None:
    """As SQLAlchemy says it: None, an empty list, or an error where one was required."""
    nobody = {"merchant_id": new_id("mer")}
    async with lone.reading() as session:
        assert await session.scalar(_KEYS, nobody) is None
        assert [] == list((await session.execute(_KEYS, nobody)).mappings())
        with pytest.raises(NoResultFound):
            (await session.execute(_KEYS, nobody)).one()


async def test_a_lost_connection_costs_its_transaction_and_nobody_elses(lone: Database, database: Database) -> None:
    """Lost in use it is that transaction's error; lost while idle it is given to nobody."""

    async def lose() -> None:
        async with lone.transaction("test") as session:
            await _end(database, await session.scalar(_BACKEND))
            await session.scalar(_BACKEND)

    async with lone.reading() as session:
        first = await session.scalar(_BACKEND)
    await _end(database, first)
    async with lone.reading() as session:
        assert first != await session.scalar(_BACKEND)
    with pytest.raises(DBAPIError):
        await lose()
    async with lone.reading() as session:
        assert 1 == await session.scalar(text("SELECT 1"))


async def test_a_cancelled_statement_takes_its_connection_along(lone: Database) -> None:
    """Its answer would be the next one's."""
    asked = asyncio.Event()

    async def sleep() -> None:
        async with lone.transaction("test") as session:
            await session.scalar(_BACKEND)
            asked.set()
            await session.execute(text("SELECT pg_sleep(1)"))

    sleeping = asyncio.create_task(sleep())
    await asked.wait()
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    async with lone.reading() as session:
        assert 1 == await session.scalar(text("SELECT 1"))


async def _end(database: Database, backend: int) -> None:
    """The backend is gone, as the server sees it."""
    async with database.reading() as session:
        await session.scalar(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
        gone = text("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid)")
        await eventually(lambda: session.scalar(gone, {"pid": backend}), bool)
