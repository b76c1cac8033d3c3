"""The audit's chain: every action is in exactly one block, and each block has the hash of the one before it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from domain.ids import new_id
from store import audit
from store.database import Database
from store.tables.audit import AuditBlock, OperatorAction
from tests.support.servers import Addresses, own_database


@pytest.fixture
async def apart(addresses: Addresses) -> AsyncIterator[Database]:
    """A database of the test's own: a chain is one for all."""
    connected = Database.connect((await own_database(addresses)).database_url, pool_size=20)
    yield connected
    await connected.close()


async def _act(database: Database, action: str = "account.block") -> None:
    async with database.transaction("test") as session:
        await audit.append(session, audit.Act(actor="operator:test", action=action, object_id=new_id("acc")))


async def _seal(database: Database) -> AuditBlock | None:
    async with database.transaction("test") as session:
        return await audit.seal(session)


async def _blocks(database: Database) -> list[AuditBlock]:
    async with database.reading() as session:
        return list((await session.scalars(select(AuditBlock).order_by(col(AuditBlock.n)))).all())


async def test_each_seal_continues_the_chain(apart: Database) -> None:
    """A block counts its actions and carries the hash of the block before; the first one carries zeros."""
    await _act(apart)
    first = await _seal(apart)
    await _act(apart)
    await _act(apart)
    second = await _seal(apart)
    assert first is not None
    assert second is not None
    assert ((1, 1, bytes(32)), (2, 2, first.hash)) == (
        (first.n, first.actions, first.previous_hash),
        (second.n, second.actions, second.previous_hash),
    )


async def test_nothing_to_seal_makes_no_block(apart: Database) -> None:
    """A quiet hour leaves no trace."""
    assert None is await _seal(apart)
    await _act(apart)
    await _seal(apart)
    assert None is await _seal(apart)
    assert 1 == len(await _blocks(apart))


async def test_seals_beside_acts_leave_no_action_out(apart: Database) -> None:
    """A lower number never commits behind a seal, however many write and seal at once."""
    await asyncio.gather(*(_act(apart) if turn % 3 else _seal(apart) for turn in range(60)))
    while await _seal(apart):
        pass
    blocks = await _blocks(apart)
    assert 40 == sum(block.actions for block in blocks)
    assert [block.hash for block in blocks[:-1]] == [block.previous_hash for block in blocks[1:]]


async def test_a_seal_waits_for_an_act_in_flight(apart: Database) -> None:
    """The act took its number first: it is in the block, or no block was made before it committed."""
    async with apart.transaction("test") as session:
        await audit.append(session, audit.Act(actor="operator:test", action="slow", object_id="acc_1"))
        sealing = asyncio.create_task(_seal(apart))
        await _until_waiting(apart)
        assert not sealing.done()
    block = await sealing
    assert block is not None
    assert 1 == block.actions


async def test_an_action_keeps_what_was_said_of_it(apart: Database) -> None:
    """Actor, reason, before, after and request, as they were given."""
    said = {"reason": "why", "before": {"state": "open"}, "after": {"state": "blocked"}, "request_id": "req_1"}
    async with apart.transaction("test") as session:
        act = audit.Act(actor="operator:test", action="account.block", object_id="acc_1", **said)
        await audit.append(session, act)
    async with apart.reading() as session:
        kept = (await session.scalars(select(OperatorAction))).one()
    assert act.model_dump() == kept.model_dump(include=set(audit.Act.model_fields))


async def _until_waiting(database: Database) -> None:
    """Until somebody waits for a lock of another."""
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
    async with database.reading() as session:
        while not await session.scalar(waits):
            await asyncio.sleep(0.01)
