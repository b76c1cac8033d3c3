"""A try over several accounts: their order, what each may give, and all of it or nothing."""

import pytest

from domain.errors import (
    AccountBlocked,
    BalanceInsufficient,
    CurrencyMismatch,
    TryAfterCancel,
    UnknownAccount,
)
from domain.ids import AccountId
from domain.money import Currency
from ledger import accounts, book, steps
from ledger.book import ReleaseOutcome, Source
from ledger.chart import AccountKind
from ledger.errors import LedgerConflict
from ledger.steps import Role
from tests.ledger.clerk import Clerk
from tests.ledger.tries import AVAILABLE, DEBT, PENDING, held_parts, hold_from, request, sources


@pytest.mark.parametrize(
    ("amount_minor", "own_minor", "expected"),
    [
        (300, 400, {PENDING: 300}),
        (400, 400, {PENDING: 400}),
        (500, 400, {PENDING: 400, AVAILABLE: 100}),
        (500, 0, {AVAILABLE: 500}),
        (1200, 400, {PENDING: 700, AVAILABLE: 500}),
        (1500, 0, {PENDING: 1000, AVAILABLE: 500}),
        (1800, 400, {PENDING: 1000, AVAILABLE: 500, DEBT: 300}),
    ],
)
async def test_money_is_taken_in_the_order_of_the_sources(
    funded: Clerk, amount_minor: int, own_minor: int, expected: dict[AccountKind, int]
) -> None:
    """Own share, available, other pending, debt; one hold for each account, whatever waits in an inbox included."""
    places = sources(funded, own_minor=own_minor, debt_limit_minor=300)
    assert expected == await hold_from(funded, amount_minor, places)
    assert (1000 - expected.get(PENDING, 0), expected.get(PENDING, 0)) == await funded.balance(funded.account(PENDING))
    held = expected.get(AVAILABLE, 0)
    assert (500 - held, held) == await funded.balance(funded.account(AVAILABLE))
    assert (-expected.get(DEBT, 0), expected.get(DEBT, 0)) == await funded.balance(funded.account(DEBT))


async def test_one_minor_unit_above_everything_holds_nothing(funded: Clerk) -> None:
    """All of it or nothing: what the sources lack is refused, and no account has changed."""
    key = funded.key()
    with pytest.raises(BalanceInsufficient):
        await held_parts(funded, 1801, sources(funded, own_minor=400, debt_limit_minor=300), key=key)
    assert [(1000, 0), (500, 0)] == [await funded.balance(funded.account(kind)) for kind in (PENDING, AVAILABLE)]
    assert ReleaseOutcome.TOMBSTONE == await funded.release(key)


async def test_the_parts_have_keys_of_their_own(funded: Clerk) -> None:
    """The first is the key itself, so that it is the barrier; the others are numbered."""
    key = funded.key("refund")
    parts = await held_parts(funded, 1800, sources(funded, debt_limit_minor=300), key=key)
    assert ["refund", "refund.2", "refund.3"] == [part.key.step for part in parts]
    assert parts == await held_parts(funded, 1800, sources(funded, debt_limit_minor=300), key=key)
    assert (0, 1000) == await funded.balance(funded.account(PENDING))


@pytest.mark.parametrize(("amount_minor", "currency"), [(1799, Currency.CNY), (1800, Currency.USD)])
async def test_the_same_key_with_another_content_is_a_fault(
    funded: Clerk, amount_minor: int, currency: Currency
) -> None:
    """A once-only key names one amount."""
    key, places = funded.key(), sources(funded, debt_limit_minor=300)
    await held_parts(funded, 1800, places, key=key)
    async with funded.session() as session:
        with pytest.raises(LedgerConflict):
            await book.hold_from(session, key, request(funded, amount_minor, places, currency=currency))


async def test_a_cancel_gives_every_part_back(funded: Clerk) -> None:
    """One cancel releases all parts, once, and refuses the try that comes after it."""
    key, places = funded.key(), sources(funded, own_minor=400, debt_limit_minor=300)
    await held_parts(funded, 1800, places, key=key)
    assert ReleaseOutcome.RELEASED == await funded.release(key)
    assert ReleaseOutcome.REPLAY == await funded.release(key)
    kinds = (PENDING, AVAILABLE, DEBT)
    assert [(1000, 0), (500, 0), (0, 0)] == [await funded.balance(funded.account(kind)) for kind in kinds]
    with pytest.raises(TryAfterCancel):
        await held_parts(funded, 1800, places, key=key)


async def test_an_empty_cancel_refuses_the_try(funded: Clerk) -> None:
    """The tombstone stands on the key of the first part."""
    key = funded.key()
    assert ReleaseOutcome.TOMBSTONE == await funded.release(key)
    with pytest.raises(TryAfterCancel):
        await held_parts(funded, 100, sources(funded), key=key)


async def test_a_posting_takes_all_parts_debt_included(funded: Clerk) -> None:
    """The confirm names each hold by the role of its account; afterwards nothing is held and the debt stands."""
    key = funded.key()
    parts = await held_parts(funded, 1800, sources(funded, own_minor=400, debt_limit_minor=300), key=key)
    holds = {Role(part.account_id.split(":")[0]): part.key for part in parts}
    amounts = {"pending_minor": 1000, "available_minor": 500, "debt_minor": 300, "channel_minor": 1800}
    await funded.step(steps.REFUND, amounts, holds=holds)
    kinds = (PENDING, AVAILABLE, DEBT)
    assert [(0, 0), (0, 0), (-300, 0)] == [await funded.balance(funded.account(kind)) for kind in kinds]
    with pytest.raises(LedgerConflict):
        await funded.release(key)


async def test_debt_is_reserved_by_every_try(funded: Clerk) -> None:
    """What one try holds of the limit, the next one does not have; what is given back, it has again."""
    places, first = sources(funded, debt_limit_minor=300), funded.key()
    await held_parts(funded, 1700, places, key=first)
    with pytest.raises(BalanceInsufficient):
        await held_parts(funded, 101, places)
    assert {DEBT: 100} == await hold_from(funded, 100, places)
    await funded.release(first)
    assert {PENDING: 1000, AVAILABLE: 500, DEBT: 200} == await hold_from(funded, 1700, places)


async def test_debt_that_waits_in_the_inbox_counts(clerk: Clerk) -> None:
    """The limit is on what the merchant owes, folded or not."""
    await clerk.step(steps.REFUND, {"debt_minor": 250, "channel_minor": 250})
    with pytest.raises(BalanceInsufficient):
        await held_parts(clerk, 51, sources(clerk, debt_limit_minor=300))
    assert {DEBT: 50} == await hold_from(clerk, 50, sources(clerk, debt_limit_minor=300))


async def test_debt_beside_its_hold_is_posted_too(clerk: Clerk) -> None:
    """An open account has no floor: what a posting adds to the held part is not guarded."""
    (part,) = await held_parts(clerk, 100, sources(clerk, debt_limit_minor=100))
    held = steps.legs(
        steps.REFUND, {"debt_minor": 100, "channel_minor": 100}, clerk.parties(holds={Role.DEBT: part.key})
    )
    beside = steps.legs(steps.REFUND, {"debt_minor": 5, "channel_minor": 5}, clerk.parties())
    await clerk.post(clerk.key("refund"), held + beside)
    assert (-105, 0) == await clerk.balance(clerk.account(DEBT))


async def test_a_blocked_account_is_passed_over(funded: Clerk) -> None:
    """The others pay; where they do not cover it alone, the block is the reason."""
    async with funded.session() as session, session.begin():
        await accounts.block_account(session, funded.account(AVAILABLE), "court order")
    assert {PENDING: 900} == await hold_from(funded, 900, sources(funded))
    with pytest.raises(AccountBlocked):
        await held_parts(funded, 200, sources(funded))


async def test_an_account_that_does_not_exist_has_nothing(clerk: Clerk) -> None:
    """A merchant without any account yet: its first refund has only the debt limit."""
    assert {DEBT: 300} == await hold_from(clerk, 300, sources(clerk, own_minor=300, debt_limit_minor=300))
    with pytest.raises(BalanceInsufficient):
        await held_parts(clerk, 1, sources(clerk, own_minor=300, debt_limit_minor=300))
    with pytest.raises(UnknownAccount):
        await clerk.read(clerk.account(AVAILABLE))


async def test_another_merchants_account_is_unknown(clerk: Clerk) -> None:
    """Only the account's merchant, or the operator, may hold in it."""
    wallet = await clerk.wallet(1000)
    stranger = Clerk(clerk.engine, merchant_id="mer_stranger")
    with pytest.raises(UnknownAccount):
        await held_parts(stranger, 100, (Source(account_id=wallet),))


async def test_an_account_in_another_currency_is_refused(clerk: Clerk) -> None:
    """A hold is in the currency of its account."""
    wallet = await clerk.wallet(1000)
    async with clerk.session() as session:
        with pytest.raises(CurrencyMismatch):
            await book.hold_from(
                session, clerk.key(), request(clerk, 1, (Source(account_id=wallet),), currency=Currency.USD)
            )


async def test_an_open_account_that_is_no_debt_takes_no_hold(funded: Clerk) -> None:
    """Only a merchant's debt is capped, so only it can be reserved."""
    clearing = funded.account(AccountKind.CHANNEL_CLEARING, funded.channel_account_id)
    with pytest.raises(LedgerConflict):
        await held_parts(funded, 1, (Source(account_id=AccountId(clearing), credit_minor=1000),))
