"""A connection to PostgreSQL that breaks at a COMMIT: whether the row is there is known to the database alone."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chaos.pg_wire import Cut, PostgresWire, socket_of, url_through
from domain.ids import new_id
from store.database import Database
from tests.support.centre import Centre, worker_running
from tests.support.servers import Addresses
from tests.support.shop import STOCK, WALLET_MINOR, Shop

INSERT = text("INSERT INTO operator_action (id, actor, action, object_id) VALUES (:id, 'test', 'test', 'test')")
COUNT = text("SELECT count(*) FROM operator_action WHERE id = :id")
COMMITS = 8  # of a mixed payment, and of the events loop beside it
BALANCE_MINOR = 1_000


@pytest.fixture
async def wire(addresses: Addresses) -> AsyncIterator[PostgresWire]:
    async with PostgresWire("postgresql", target=socket_of(addresses.database_url)) as running:
        yield running


@pytest.fixture
async def cut_off(wire: PostgresWire, addresses: Addresses) -> AsyncIterator[Database]:
    """A database by way of the wire, on one connection."""
    database = Database.connect(url_through(wire, addresses.database_url), pool_size=1)
    yield database
    await database.close()


@pytest.mark.parametrize(("cut", "rows"), [(Cut.BEFORE_COMMIT, 0), (Cut.AFTER_COMMIT, 1)])
async def test_the_client_of_a_cut_commit_knows_nothing(
    wire: PostgresWire, cut_off: Database, database: Database, cut: Cut, rows: int
) -> None:
    """It sees a broken connection, whether its row is there or not; its next transaction is served."""
    row_id = new_id("opa")
    wire.cut_commit(cut)
    with pytest.raises(DBAPIError) as broken:
        await insert(cut_off, row_id)
    assert (True, rows) == (broken.value.connection_invalidated, await count(database, row_id))
    assert {"commits": 1, cut: 1} == {name: wire.counts[name] for name in ("commits", cut)}
    await insert(cut_off, other := new_id("opa"))
    assert 1 == await count(database, other)


async def test_the_nth_commit_is_cut_and_reads_pass(wire: PostgresWire, cut_off: Database) -> None:
    """Earlier ones are answered, and a read is no commit."""
    wire.cut_commit(Cut.AFTER_COMMIT, nth=2)
    await insert(cut_off, first := new_id("opa"))
    assert (1, True) == (await count(cut_off, first), wire.armed)
    with pytest.raises(DBAPIError):
        await insert(cut_off, second := new_id("opa"))
    assert (1, False) == (await count(cut_off, second), wire.armed)


async def test_a_commit_that_was_refused_is_answered(wire: PostgresWire, addresses: Addresses) -> None:
    """A transaction that had failed answers COMMIT with ROLLBACK: nothing was committed that could be hidden."""
    wire.cut_commit(Cut.AFTER_COMMIT)
    url = url_through(wire, addresses.database_url).replace("+asyncpg", "").replace("ssl=", "sslmode=")
    driver = await asyncpg.connect(url)
    await driver.execute("BEGIN")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await driver.execute("SELECT 1 / 0")
    assert "ROLLBACK" == await driver.execute("COMMIT")
    await driver.close()
    assert (False, 0) == (wire.armed, wire.counts[Cut.AFTER_COMMIT])


@pytest.mark.parametrize("cut", list(Cut))
async def test_a_payment_whose_commits_are_cut_has_one_effect(
    wire: PostgresWire, addresses: Addresses, cut: Cut
) -> None:
    """Whichever commit of the worker was cut, the repeated step finds what the first one did, or does it."""
    async with Centre.running(addresses, with_worker=False) as centre:
        shop = await Shop.open(centre)
        wire.target = socket_of(centre.addresses.database_url)
        through = url_through(wire, centre.addresses.database_url)
        async with worker_running(centre.settings.model_copy(update={"database_url": through})):
            paid = 0
            for nth in range(1, COMMITS + 1):
                wire.cut_commit(cut, nth=nth)
                while wire.armed:
                    await pay_mixed(shop)
                    paid += 1
        effects = ((STOCK, 0, 2 * paid), (WALLET_MINOR - BALANCE_MINOR * paid, 0))
        assert (COMMITS, effects) == (wire.counts[cut], (await shop.stock(), await shop.wallet()))


async def insert(database: Database, row_id: str) -> None:
    """One transaction that leaves a row."""
    async with database.transaction("test.insert") as session:
        await session.execute(INSERT, {"id": row_id})


async def count(database: Database, row_id: str) -> int:
    """How many rows are there."""
    async with database.reading() as session:
        return int((await session.execute(COUNT, {"id": row_id})).scalar_one())


async def pay_mixed(shop: Shop) -> None:
    """A payment of stock, balance and channel that succeeds."""
    made = await shop.pay(lines=True, balance_minor=BALANCE_MINOR)
    waiting = await shop.until(made["id"], "awaiting_payer")
    await shop.payer_pays(waiting["out_no"])
    await shop.until(made["id"], "succeeded")
