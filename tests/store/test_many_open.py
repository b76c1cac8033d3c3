"""What a step costs does not grow with what else is open, also where the planner has last seen nothing open.

The answer to a refund is an exception: nothing finds its callbacks but the index of those that wait.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.event_handing import Handing, mark_handed, read_unhanded, read_waiting
from ledger.sql import statements
from store import callbacks
from store.database import Database
from store.schema import functions_sql, tables_sql
from tests.store.conftest import connect, own_copy
from tests.support.servers import Addresses

ENDED, OPEN, FEW = 1000, 300, 10
NO_TIME = timedelta(0)
_ROWS = (
    """
    INSERT INTO callback (id, channel, channel_account_id, kind, dedupe_key, out_no, verdict, body, applied_at)
    SELECT 'cbk_' || n, 'sim', 'cha', CASE n % 2 WHEN 0 THEN 'payment' ELSE 'transfer' END, n, 'OUT' || n, 'matched',
        '', CASE WHEN NOT $3 THEN now() END
    FROM generate_series($1::int, $2) AS n ORDER BY $3::boolean
    """,
    """
    INSERT INTO event (id, merchant_id, type, object_id, object_version, feed_no, handed_at)
    SELECT 'evt_' || n, 'mer', 'payment.succeeded', 'pay_' || n, 1, n, CASE WHEN NOT $3 THEN now() END
    FROM generate_series($1::int, $2) AS n ORDER BY $3::boolean
    """,
    """
    INSERT INTO delivery (id, event_id, merchant_id, url, state)
    SELECT 'dlv_' || n, 'evt_' || n, 'mer', 'https://shop.example/', CASE WHEN $3 THEN 'pending' ELSE 'delivered' END
    FROM generate_series($1::int, $2) AS n ORDER BY $3::boolean
    """,
    """
    INSERT INTO payment (
        id, merchant_id, order_no, state, amount_minor, channel_minor, currency, subject, expires_at)
    SELECT 'pay_' || n, 'mer', n, CASE WHEN $3 THEN 'awaiting_payer' ELSE 'succeeded' END, 1, 1, 'CNY', 'tea', now()
    FROM generate_series($1::int, $2) AS n ORDER BY $3::boolean
    """,
    """
    INSERT INTO refund (
        id, merchant_id, payment_id, origin, out_refund_no, amount_minor, channel_minor, currency, reason, send_before,
        state)
    SELECT 'ref_' || n, 'mer', 'pay_' || n, 'late', n, 1, 1, 'CNY', 'late', now(),
        CASE WHEN $3 THEN 'processing' ELSE 'succeeded' END
    FROM generate_series($1::int, $2) AS n ORDER BY $3::boolean
    """,
)
_LOOKED_AT = text("""
    SELECT coalesce(sum(coalesce(idx_tup_fetch, 0) + seq_tup_read), 0) FROM pg_stat_xact_user_tables
    WHERE relname LIKE :name || '%'
""")
_MOVE = text("SELECT payment_move('pay_1001', ARRAY['awaiting_payer'], 'processing', '{}', NULL)")
_DUE = text("SELECT payment_view('pay_1001') -> 'refunds_due'")


@pytest.fixture(scope="module")
async def name(addresses: Addresses) -> AsyncIterator[str]:
    """A database in which much is open, and the planner has only seen what had ended."""
    async with own_copy(addresses) as url:
        async with connect(url) as owner:
            for script in (tables_sql(), functions_sql(), *statements()):
                await owner.execute(script)
            await owner.execute("INSERT INTO merchant (id, name) VALUES ('mer', 'Tea')")
            for rows in _ROWS:
                await owner.execute(rows, 1, ENDED, False)
            await owner.execute("ANALYZE")
            for rows in _ROWS:
                await owner.execute(rows, ENDED + 1, ENDED + OPEN, True)
        assert url.database is not None
        yield url.database


@pytest.fixture
async def database(addresses: Addresses, name: str) -> AsyncIterator[Database]:
    url = make_url(addresses.database_url).set(database=name)
    connected = Database.connect(url.render_as_string(hide_password=False), pool_size=1)
    yield connected
    await connected.close()


async def test_taking_a_callback_looks_at_it_alone(database: Database) -> None:
    """However many others wait."""
    async with database.transaction("test") as session:
        taken = await callbacks.take(session, "cbk_1002")
        assert FEW > await _looked_at(session, "callback")
        again = await callbacks.take(session, "cbk_1002")
    assert ("OUT1002", None) == (taken.out_no if taken else "", again)


async def test_ending_a_callback_looks_at_it_alone(database: Database) -> None:
    """By its id and, for a payout, by the payout's number."""
    async with database.transaction("test") as session:
        await callbacks.mark_applied(session, "cbk_1004")
        await callbacks.settle(session, "transfer", "OUT1001", asked_at=datetime.now(UTC))
        assert FEW > await _looked_at(session, "callback")
        applied = text("SELECT count(applied_at) FROM callback WHERE id IN ('cbk_1004', 'cbk_1001')")
        assert 2 == await session.scalar(applied)


async def test_marking_an_event_looks_at_its_own_deliveries_alone(database: Database) -> None:
    """Not at those of other events, however many are pending."""
    handing = Handing("evt_1001", "payment.succeeded", "pay_1001", "mer", "dlv_1001")
    async with database.transaction("test") as session:
        await mark_handed(session, [handing])
        assert FEW > await _looked_at(session, "delivery")
        marked = text("SELECT count(handed_at) FROM event WHERE id = 'evt_1001'")
        assert 1 == await session.scalar(marked)


async def test_what_waits_for_its_hand_over_is_found_event_by_event(database: Database) -> None:
    """For each event its own deliveries are read, not all that are pending."""
    async with database.transaction("test") as session:
        waiting = await read_unhanded(session, NO_TIME, OPEN)
        assert FEW * len(waiting) > await _looked_at(session, "delivery")
    assert {f"dlv_{number}" for number in range(ENDED + 2, ENDED + OPEN)} <= {one.delivery_id for one in waiting}


async def test_what_a_feed_tries_itself_is_asked_once(database: Database) -> None:
    """Nothing is unhanded while each pending delivery is young; to know it, those are read, and not for each event."""
    async with database.transaction("test") as session:
        assert not (await read_waiting(session, timedelta(hours=1))).unhanded
        assert FEW * OPEN > await _looked_at(session, "delivery")


async def test_moving_a_payment_looks_at_it_alone(database: Database) -> None:
    """A connection's first calls are planned with the states that they ask for."""
    async with database.transaction("test") as session:
        moved = await session.scalar(_MOVE)
        assert FEW > await _looked_at(session, "payment")
    assert moved is not None


async def test_what_is_due_of_a_payment_is_found_by_the_payment(database: Database) -> None:
    """Each step answers which refunds a payment owes, without a look at those of others."""
    async with database.transaction("test") as session:
        due = await session.scalar(_DUE)
        assert FEW > await _looked_at(session, "refund")
    assert ["ref_1001"] == due


async def _looked_at(session: AsyncSession, table: str) -> int:
    """How many rows of the table, in whatever partition, this connection has fetched; it is as old as the test."""
    return int(await session.scalar(_LOOKED_AT, {"name": table}))
