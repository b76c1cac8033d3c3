"""Tries over several accounts beside each other, beside their cancels and beside postings (law 3)."""

import asyncio

import asyncpg

from domain.errors import BalanceInsufficient
from ledger import book, steps
from ledger.book import ReleaseOutcome, Source
from ledger.steps import Role
from tests.ledger.clerk import Clerk
from tests.ledger.tries import AVAILABLE, DEBT, PENDING, held_parts, request, sources
from tests.ledger.waits import overtake


async def test_a_cancel_that_meets_an_uncommitted_try_releases_every_part(
    funded: Clerk, owner: asyncpg.Connection
) -> None:
    """The cancel waits for the try's commit."""
    key, places = funded.key(), sources(funded, debt_limit_minor=300)
    outcome = await overtake(
        funded,
        owner,
        lambda session: book.hold_from(session, key, request(funded, 1800, places)),
        lambda session: book.release(session, key),
    )
    assert ReleaseOutcome.RELEASED == outcome
    assert [(1000, 0), (500, 0)] == [await funded.balance(funded.account(kind)) for kind in (PENDING, AVAILABLE)]


async def test_a_try_that_waits_has_locked_nothing_out_of_order(funded: Clerk, owner: asyncpg.Connection) -> None:
    """Deferred and system accounts first, then strict ones, by id: whoever has the first one gets the others."""
    places = sources(funded, debt_limit_minor=300)
    await held_parts(funded, 1, places[-1:])  # the debt account exists: opening it would wait too
    await overtake(
        funded,
        owner,
        lambda session: book.hold_from(session, funded.key(), request(funded, 1, places[-1:])),
        lambda session: book.hold_from(session, funded.key(), request(funded, 1000, places)),
        then=lambda session: book.hold_from(session, funded.key(), request(funded, 600, places[1:3])),
    )
    kinds = (PENDING, AVAILABLE, DEBT)
    assert [(0, 1000), (0, 500), (-102, 102)] == [await funded.balance(funded.account(kind)) for kind in kinds]


async def test_fifty_tries_at_once_never_hold_more_than_there_is(funded: Clerk) -> None:
    """Eighteen of fifty fit into pending, available and the debt limit together."""
    places = sources(funded, own_minor=30, debt_limit_minor=300)
    outcomes = await asyncio.gather(*[held_parts(funded, 100, places) for _ in range(50)], return_exceptions=True)
    assert 18 == sum(isinstance(outcome, tuple) for outcome in outcomes)
    assert 32 == sum(isinstance(outcome, BalanceInsufficient) for outcome in outcomes)
    kinds = (PENDING, AVAILABLE, DEBT)
    assert [(0, 1000), (0, 500), (-300, 300)] == [await funded.balance(funded.account(kind)) for kind in kinds]


async def test_tries_cancels_and_postings_in_every_order_have_no_deadlock(funded: Clerk) -> None:
    """Sources in opposing orders beside settlements, cancels and folds: all pass, since locks have one order."""
    places = sources(funded, debt_limit_minor=1_000_000)
    calls = [call for number in range(25) for call in _one_round(funded, places if number % 2 else places[::-1])]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [] == [result for result in results if isinstance(result, Exception)]
    total = 0
    for kind in (PENDING, AVAILABLE, DEBT):
        available, frozen = await funded.balance(funded.account(kind))
        assert 0 == frozen
        total += available
    assert 1500 + 25 * (1000 - 2 * 40) == total


def _one_round(clerk: Clerk, places: tuple[Source, ...]) -> list[asyncio.Future[object]]:
    coroutines = [
        clerk.step(steps.PAYMENT, {"channel_minor": 1000}),
        _held_and_released(clerk, places),
        _held_and_taken(clerk, places),
        _held_and_taken(clerk, places[::-1]),
        clerk.fold(clerk.account(DEBT)),
        clerk.step(steps.SETTLEMENT, {"settled_minor": 1}),
    ]
    return [asyncio.ensure_future(coroutine) for coroutine in coroutines]


async def _held_and_released(clerk: Clerk, places: tuple[Source, ...]) -> ReleaseOutcome:
    key = clerk.key()
    await held_parts(clerk, 40, places, key=key)
    return await clerk.release(key)


async def _held_and_taken(clerk: Clerk, places: tuple[Source, ...]) -> book.PostResult:
    parts = await held_parts(clerk, 40, places)
    holds = {Role(part.account_id.split(":")[0]): part.key for part in parts}
    taken = {part.account_id.split(":")[0]: part.amount_minor for part in parts}
    amounts = {f"{kind.removeprefix('merchant_')}_minor": taken[kind] for kind in taken}
    return await clerk.step(steps.REFUND, {**amounts, "channel_minor": 40}, holds=holds)
