"""What is posted stays: a correction is its exact opposite, names it, and happens once."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from domain.errors import BalanceInsufficient
from ledger import accounts, book, steps
from ledger.book import CorrectRequest, PostResult
from ledger.chart import AccountKind
from ledger.errors import LedgerConflict
from ledger.legs import StepKey
from ledger.steps import Role
from tests.ledger.clerk import EVENT_AT, Clerk
from tests.ledger.waits import overtake

PENDING = AccountKind.MERCHANT_PENDING


def correction(wrong: PostResult) -> CorrectRequest:
    """An operator's correction of that posting."""
    return CorrectRequest(corrects=wrong.posting_id, merchant_id=None, event_at=EVENT_AT, memo="wrong amount")


async def correct(clerk: Clerk, wrong: PostResult, *, key: StepKey | None = None) -> PostResult:
    """The posting is corrected."""
    async with clerk.session() as session, session.begin():
        return await book.correct(session, key or clerk.key("correction"), correction(wrong))


async def test_a_correction_is_the_opposite_and_names_what_it_corrects(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """Every account is as if the posting had not been; both stay in the book, and the statement says why."""
    wallet, hold = await clerk.wallet(1000), clerk.key()
    await clerk.hold(hold, clerk.request(wallet, 300))
    amounts = {"channel_minor": 700, "balance_minor": 300, "fee_minor": 6}
    wrong = await clerk.step(steps.PAYMENT, amounts, wallet_id=wallet, holds={Role.WALLET: hold})
    made = await correct(clerk, wrong)
    assert [(1000, 0), (0, 0)] == [await clerk.balance(account) for account in (wallet, clerk.account(PENDING))]
    entered = "SELECT account_id, currency, kind, object_id, {} AS minor FROM entry WHERE posting_id = $1 ORDER BY n"
    assert await owner.fetch(entered.format("-amount_minor"), wrong.posting_id) == await owner.fetch(
        entered.format("amount_minor"), made.posting_id
    )
    async with clerk.session() as session:
        newest, oldest, *_ = await accounts.statement(session, wallet)
    assert (wrong.posting_id, None) == (newest.corrects, oldest.corrects)


async def test_a_repeat_answers_with_the_first_correction(clerk: Clerk) -> None:
    """The same key is the same correction."""
    wrong, key = await clerk.step(steps.PAYMENT, {"channel_minor": 100}), clerk.key("correction")
    first, again = [await correct(clerk, wrong, key=key) for _ in range(2)]
    assert (first.posting_id, False, True) == (again.posting_id, first.replayed, again.replayed)
    assert (0, 0) == await clerk.balance(clerk.account(PENDING))


async def test_a_posting_is_corrected_once(clerk: Clerk) -> None:
    """Another key corrects nothing a second time."""
    wrong = await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    await correct(clerk, wrong)
    with pytest.raises(LedgerConflict, match="corrected already"):
        await correct(clerk, wrong)


async def test_twenty_corrections_at_once_are_one(clerk: Clerk) -> None:
    """Whoever asks first corrects, the others are refused."""
    wrong = await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    results = await asyncio.gather(*[correct(clerk, wrong) for _ in range(20)], return_exceptions=True)
    assert 1 == sum(isinstance(result, PostResult) for result in results)
    assert 19 == sum(isinstance(result, LedgerConflict) for result in results)
    assert (0, 0) == await clerk.balance(clerk.account(PENDING))


async def test_a_correction_waits_for_another_that_may_roll_back(clerk: Clerk, owner: asyncpg.Connection) -> None:
    """It is refused only by one that has committed."""
    wrong = await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    with pytest.raises(LedgerConflict):
        await overtake(
            clerk,
            owner,
            lambda session: book.correct(session, clerk.key("correction"), correction(wrong)),
            lambda session: book.correct(session, clerk.key("correction"), correction(wrong)),
        )


async def test_a_correction_is_not_corrected(clerk: Clerk) -> None:
    """What was right after all is posted anew."""
    wrong = await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    made = await correct(clerk, wrong)
    with pytest.raises(LedgerConflict):
        await correct(clerk, made)


async def test_what_is_not_in_the_book_is_not_corrected(clerk: Clerk) -> None:
    """A correction names a posting."""
    wrong = await clerk.step(steps.PAYMENT, {"channel_minor": 100})
    other = wrong.model_copy(update={"posting_id": uuid4()})
    with pytest.raises(LedgerConflict):
        await correct(clerk, other)


async def test_a_correction_is_guarded_like_any_posting(clerk: Clerk) -> None:
    """Money that has left the account again is not taken back below its floor."""
    wallet, other = await clerk.wallet(), await clerk.wallet()
    wrong = await clerk.step(steps.TOP_UP, {"top_up_minor": 100}, wallet_id=wallet)
    await clerk.transfer(wallet, other, 1)
    with pytest.raises(BalanceInsufficient):
        await correct(clerk, wrong)
    assert (99, 0) == await clerk.balance(wallet)
