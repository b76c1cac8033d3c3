"""Days of the book: booked by the event, sealed in order, and never changed afterwards."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from domain.ids import AccountId, new_id
from ledger import accounts, book, days, steps
from ledger.accounts import BookedDays
from ledger.chart import AccountKind
from ledger.days import SealedDay
from ledger.errors import DayNotOver
from ledger.sql import statements
from tests.ledger.clerk import CNY, Clerk
from tests.ledger.soundness import broken
from tests.ledger.waits import overtake, side_by_side

PENDING = AccountKind.MERCHANT_PENDING


def ago(days_ago: int) -> date:
    """The book's day, so many days ago."""
    return datetime.now(days.ZONE).date() - timedelta(days=days_ago)


def noon(days_ago: int) -> datetime:
    """Noon of the book's zone, so many days ago."""
    day = ago(days_ago)
    return datetime(day.year, day.month, day.day, 12, tzinfo=days.ZONE)


@pytest.fixture
async def own_book(ledger_server: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A book of the test's own, since sealing a day is for everybody; a connection of its owner."""
    name = new_id("days")
    ledger_server.create_database(name)
    connection = await asyncpg.connect(host=str(ledger_server.socket_folder), user=OWNER_ROLE, database=name)
    for script in statements():
        await connection.execute(script)
    yield connection
    await connection.close()


@pytest.fixture
async def keeper(own_book: asyncpg.Connection, ledger_server: EmbeddedPostgres) -> AsyncIterator[Clerk]:
    """A clerk who keeps that book."""
    name = await own_book.fetchval("SELECT current_database()")
    engine = create_async_engine(ledger_server.url(APP_ROLE, name))
    yield Clerk(engine, merchant_id=new_id("mer"))
    await engine.dispose()


def payment(keeper: Clerk, amount_minor: int, at: datetime) -> book.PostRequest:
    """A payment that happened then."""
    legs = steps.legs(steps.PAYMENT, {"channel_minor": amount_minor}, keeper.parties())
    return book.PostRequest(merchant_id=keeper.merchant_id, event_at=at, legs=legs)


async def pay(keeper: Clerk, amount_minor: int, at: datetime) -> book.PostResult:
    """The payment is posted."""
    async with keeper.session() as session, session.begin():
        return await book.post(session, keeper.key("payment"), payment(keeper, amount_minor, at))


async def seal(keeper: Clerk, day: date) -> SealedDay | None:
    """The day is sealed."""
    async with keeper.session() as session, session.begin():
        return await days.seal_day(session, day)


async def booked(keeper: Clerk) -> list[tuple[int, date, date | None]]:
    """The payments of the book, oldest first: amount, the day it is booked on, the day it belongs to."""
    async with keeper.session() as session:
        entries = await accounts.statement(session, keeper.account(PENDING))
    return [(entry.amount_minor, entry.booked_on, entry.belongs_to) for entry in reversed(entries)]


@pytest.mark.parametrize(
    ("time", "days_later"), [(time(15, 59, 59, 999999, tzinfo=UTC), 0), (time(16, 0, 0, tzinfo=UTC), 1)]
)
async def test_a_day_begins_at_midnight_in_shanghai(keeper: Clerk, time: time, days_later: int) -> None:
    """A posting is booked on the day of its event in the book's zone, whatever the server's is."""
    day = ago(9)
    await pay(keeper, 100, datetime.combine(day, time))
    assert [(100, day + timedelta(days=days_later), None)] == await booked(keeper)


async def test_a_day_long_over_is_not_opened_again(keeper: Clerk) -> None:
    """An event of another year is booked today, sealed or not, and keeps its own day."""
    await pay(keeper, 100, noon(400))
    assert [(100, ago(0), ago(400))] == await booked(keeper)


async def test_nothing_is_booked_on_a_day_to_come(keeper: Clerk) -> None:
    """A channel's clock that runs ahead opens no future day."""
    await pay(keeper, 100, datetime.now(UTC) + timedelta(days=3))
    assert [(100, ago(0), None)] == await booked(keeper)


async def test_what_belongs_to_a_sealed_day_is_booked_today(keeper: Clerk) -> None:
    """The first and every later posting for that day; the sealed day keeps what it had."""
    await pay(keeper, 100, noon(1))
    sealed = await seal(keeper, ago(1))
    await pay(keeper, 20, noon(1))
    await pay(keeper, 3, noon(0))
    assert [(100, ago(1), None), (20, ago(0), ago(1)), (3, ago(0), None)] == await booked(keeper)
    assert sealed == await seal(keeper, ago(1))
    async with keeper.session() as session:
        assert [100, 123] == [
            await accounts.balance_on(session, keeper.account(PENDING), day) for day in (ago(1), ago(0))
        ]


async def test_days_are_sealed_in_order_and_chained(keeper: Clerk) -> None:
    """Sealing a day seals those before it, empty ones too; each digest names the one before."""
    await pay(keeper, 100, noon(3))
    await pay(keeper, 20, noon(1))
    assert await seal(keeper, ago(40)) is None
    before = await seal(keeper, ago(4))
    first = await seal(keeper, ago(3))
    last = await seal(keeper, ago(1))
    between = await seal(keeper, ago(2))
    assert before
    assert first
    assert between
    assert last
    assert [before.digest, first.digest, between.digest] == [day.previous_digest for day in (first, between, last)]
    assert [1, 0, 1] == [day.postings for day in (first, between, last)]
    assert 3 == len({day.digest for day in (first, between, last)})
    async with keeper.session() as session:
        assert last == await days.last_sealed(session)
        assert (between, last) == await days.sealed_after(session, first.day)


@pytest.mark.parametrize("days_ago", [0, -1])
async def test_a_day_that_is_not_over_is_not_sealed(keeper: Clerk, days_ago: int) -> None:
    """Today still takes postings."""
    await pay(keeper, 100, noon(0))
    with pytest.raises(DayNotOver):
        await seal(keeper, ago(days_ago))
    async with keeper.session() as session:
        assert await days.last_sealed(session) is None


async def test_sealing_waits_for_a_posting_under_way_and_contains_it(
    keeper: Clerk, own_book: asyncpg.Connection
) -> None:
    """No posting commits to a day after it was sealed: the seal comes after it."""
    await pay(keeper, 100, noon(1))
    sealed = await overtake(
        keeper,
        own_book,
        lambda session: book.post(session, keeper.key("payment"), payment(keeper, 20, noon(1))),
        lambda session: days.seal_day(session, ago(1)),
    )
    assert sealed
    assert 2 == sealed.postings
    assert [(100, ago(1), None), (20, ago(1), None)] == await booked(keeper)


async def test_the_first_sealing_waits_for_every_open_day(keeper: Clerk, own_book: asyncpg.Connection) -> None:
    """Also for a posting on a day before every posting that it sees."""
    await pay(keeper, 100, noon(1))
    await overtake(
        keeper,
        own_book,
        lambda session: book.post(session, keeper.key("payment"), payment(keeper, 20, noon(4))),
        lambda session: days.seal_day(session, ago(1)),
    )
    assert [20, 20, 20, 120, 120] == (await _balances(keeper, []))[1]


async def test_a_book_never_sealed_is_sealed_from_its_beginning(keeper: Clerk, own_book: asyncpg.Connection) -> None:
    """However long ago that was."""
    await pay(keeper, 100, noon(1))
    await own_book.execute("UPDATE posting SET booked_on = booked_on - 50")
    await seal(keeper, ago(1))
    assert ago(51) == await own_book.fetchval("SELECT min(day) FROM sealed_day")
    assert [100] * 5 == (await _balances(keeper, []))[1]


async def test_a_posting_never_waits_for_a_sealing(keeper: Clerk, own_book: asyncpg.Connection) -> None:
    """One that finds its day being sealed is booked today."""
    await pay(keeper, 100, noon(1))
    waited, _ = await side_by_side(
        keeper,
        own_book,
        lambda session: days.seal_day(session, ago(1)),
        lambda session: book.post(session, keeper.key("payment"), payment(keeper, 20, noon(1))),
    )
    assert not waited
    assert [(100, ago(1), None), (20, ago(0), ago(1))] == await booked(keeper)


async def test_two_sealings_at_once_are_one(keeper: Clerk, own_book: asyncpg.Connection) -> None:
    """The second waits and finds the day sealed."""
    await pay(keeper, 100, noon(2))
    answer = await overtake(
        keeper,
        own_book,
        lambda session: days.seal_day(session, ago(1)),
        lambda session: days.seal_day(session, ago(1)),
    )
    async with keeper.session() as session:
        assert answer == await days.last_sealed(session)
    assert (32, ago(32)) == tuple(await own_book.fetchrow("SELECT count(*), min(day) FROM sealed_day"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entry SET amount_minor = amount_minor + sign(amount_minor)::integer",
        "UPDATE posting SET memo = 'other'",
        "DELETE FROM posting",
        "UPDATE posting SET booked_on = booked_on + 1",
        "UPDATE sealed_day SET digest = 'x' WHERE postings = 1",
        "UPDATE day_balance SET balance_minor = balance_minor + 1",
        "DELETE FROM day_balance",
    ],
)
async def test_a_change_of_a_sealed_day_is_found(keeper: Clerk, own_book: asyncpg.Connection, change: str) -> None:
    """The digest contains each posting, entry and balance, and the day before."""
    await pay(keeper, 100, noon(2))
    await seal(keeper, ago(1))
    async with keeper.session() as session:
        assert () == await days.changed_days(session)
    await own_book.execute(change)
    async with keeper.session() as session:
        assert ago(2) in await days.changed_days(session)


async def test_a_balance_in_the_past_is_the_same_sealed_or_not(keeper: Clerk, own_book: asyncpg.Connection) -> None:
    """At a moment by what was written up to it; on a day by what is booked up to it; a nearer start, the same sum."""
    moments = [datetime.now(UTC) - timedelta(days=5)]
    for number, days_ago in enumerate([3, 3, 2, 0, 1, 3]):
        await pay(keeper, 10**number, noon(days_ago))
        moments.append(await own_book.fetchval("SELECT clock_timestamp()"))
    at, on = await _balances(keeper, moments)
    assert [0, 1, 11, 111, 1111, 11111, 111111] == at
    assert [0, 100011, 100111, 110111, 111111] == on
    await seal(keeper, ago(1))
    assert (at, on) == await _balances(keeper, moments)
    await pay(keeper, 10**6, noon(3))
    at, on = await _balances(keeper, [*moments, await own_book.fetchval("SELECT clock_timestamp()")])
    assert [0, 1, 11, 111, 1111, 11111, 111111, 1111111] == at
    assert [0, 100011, 100111, 110111, 1111111] == on
    assert [] == await broken(own_book)
    assert [] == await broken(own_book, moments[0])


async def _balances(keeper: Clerk, moments: list[datetime]) -> tuple[list[int], list[int]]:
    account_id = keeper.account(PENDING)
    async with keeper.session() as session:
        at = [await accounts.balance_at(session, account_id, moment) for moment in moments]
        on = [await accounts.balance_on(session, account_id, ago(days_ago)) for days_ago in (4, 3, 2, 1, 0)]
    return at, on


async def test_a_statement_goes_on_over_sealed_days(keeper: Clerk) -> None:
    """The running balance is the same before and after sealing, on each page and for chosen days alone."""
    for number, days_ago in enumerate([3, 1, 2, 0, 3]):
        await pay(keeper, 10**number, noon(days_ago))
    whole = await _statement(keeper)
    assert [11111, 1111, 111, 11, 1] == [entry.balance_minor for entry in whole]
    await seal(keeper, ago(1))
    await pay(keeper, 10**5, noon(2))
    (late, *rest) = await _statement(keeper)
    assert (111111, ago(0), ago(2)) == (late.balance_minor, late.booked_on, late.belongs_to)
    assert whole == tuple(rest)
    chosen = await _statement(keeper, BookedDays(first=ago(2), last=ago(1)))
    assert [(100, 111), (10, 11)] == [(entry.amount_minor, entry.balance_minor) for entry in chosen]


async def _statement(keeper: Clerk, chosen: BookedDays | None = None) -> tuple[accounts.StatementEntry, ...]:
    account_id = keeper.account(PENDING)
    read: list[accounts.StatementEntry] = []
    async with keeper.session() as session:
        page = await accounts.statement(session, account_id, limit=2, booked=chosen)
        while page:
            read += page
            page = await accounts.statement(session, account_id, limit=2, booked=chosen, after=page[-1].cursor)
    return tuple(read)


async def test_an_account_that_did_not_move_keeps_its_balance_over_sealed_days(keeper: Clerk) -> None:
    """A day's balance is written for accounts that moved; the nearest one before holds for the others."""
    await pay(keeper, 100, noon(3))
    await seal(keeper, ago(3))
    other = Clerk(keeper.engine, merchant_id=new_id("mer"))
    await pay(other, 7, noon(2))
    await seal(keeper, ago(1))
    async with keeper.session() as session:
        assert 100 == await accounts.balance_on(session, keeper.account(PENDING), ago(1))
        assert 100 == await accounts.balance_at(session, keeper.account(PENDING), datetime.now(UTC))
        assert 0 == await accounts.balance_on(session, AccountId(f"loss:nobody:{CNY}"), ago(1))
