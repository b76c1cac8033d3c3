"""Accounts are opened once, blocked by operators, closed when empty, and read with what waits in the inbox."""

import pytest

from domain.errors import AccountNotEmpty, UnknownAccount
from domain.ids import AccountId, new_id
from ledger import accounts, steps
from ledger.accounts import OpenAccount, OpenOutcome
from ledger.chart import AccountKind
from ledger.errors import LedgerConflict
from tests.ledger.clerk import CNY, Clerk


def new_wallet(clerk: Clerk, **changes: object) -> OpenAccount:
    """A wallet of the test's merchant."""
    wallet = OpenAccount(id=AccountId(new_id("acc")), owner="payer", merchant_id=clerk.merchant_id, currency=CNY)
    return wallet.model_copy(update=changes)


async def open_account(clerk: Clerk, account: OpenAccount) -> OpenOutcome:
    """The account is opened in a transaction of its own."""
    async with clerk.session() as session, session.begin():
        return await accounts.open_account(session, account)


async def test_opening_twice_is_a_replay(clerk: Clerk) -> None:
    """The same account is opened once; its metadata are the merchant's own words."""
    wallet = new_wallet(clerk, metadata={"note": "a"})
    assert OpenOutcome.OPENED == await open_account(clerk, wallet)
    assert OpenOutcome.REPLAY == await open_account(clerk, wallet)
    assert {"note": "a"} == (await clerk.read(wallet.id)).metadata


@pytest.mark.parametrize("change", [{"owner": "other"}, {"merchant_id": "mer_other"}, {"floor_minor": -1}])
async def test_opening_with_other_properties_is_a_fault(clerk: Clerk, change: dict[str, object]) -> None:
    """An id names one account."""
    wallet = new_wallet(clerk)
    await open_account(clerk, wallet)
    with pytest.raises(LedgerConflict):
        await open_account(clerk, wallet.model_copy(update=change))


async def test_a_balance_contains_holds_and_the_inbox(clerk: Clerk) -> None:
    """Total = available + frozen, before and after folding."""
    pending = clerk.account(AccountKind.MERCHANT_PENDING)
    await clerk.step(steps.PAYMENT, {"channel_minor": 1000})
    await clerk.hold(clerk.key(), clerk.request(pending, 300))
    await clerk.step(steps.PAYMENT, {"channel_minor": 500})
    for _ in range(2):
        account = await clerk.read(pending)
        assert (1500, 1200, 300) == (account.total_minor, account.available_minor, account.frozen_minor)
        await clerk.fold(pending)


async def test_an_account_with_a_balance_is_not_closed(clerk: Clerk) -> None:
    """Closing is refused while money remains."""
    wallet = await clerk.wallet(1)
    with pytest.raises(AccountNotEmpty):
        await _close(clerk, wallet)


async def test_an_account_with_a_hold_is_not_closed(clerk: Clerk) -> None:
    """A credit limit can be held with nothing in the account: available −300, frozen 300."""
    wallet = await clerk.wallet(floor_minor=-300)
    await clerk.hold(clerk.key(), clerk.request(wallet, 300))
    with pytest.raises(AccountNotEmpty):
        await _close(clerk, wallet)


async def test_closing_twice_is_closing_once(clerk: Clerk) -> None:
    """The first time stays."""
    wallet = await clerk.wallet()
    await _close(clerk, wallet)
    first = await clerk.read(wallet)
    await _close(clerk, wallet)
    assert first.closed_at is not None
    assert first == await clerk.read(wallet)


async def test_a_system_account_is_not_closed(clerk: Clerk) -> None:
    """Only accounts that an owner opened can be closed."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 1000})
    with pytest.raises(UnknownAccount):
        await _close(clerk, clerk.account(AccountKind.MERCHANT_PENDING))


async def test_unblocking_lets_money_out_again(clerk: Clerk) -> None:
    """The first reason of a block stays until it is lifted."""
    wallet, other = await clerk.wallet(100), await clerk.wallet()
    async with clerk.session() as session, session.begin():
        await accounts.block_account(session, wallet, "court order")
        await accounts.block_account(session, wallet, "second letter")
    assert "court order" == (await clerk.read(wallet)).blocked_reason
    async with clerk.session() as session, session.begin():
        await accounts.unblock_account(session, wallet)
    await clerk.transfer(wallet, other, 100)
    assert (0, 0) == await clerk.balance(wallet)


async def test_what_does_not_exist_is_unknown(clerk: Clerk) -> None:
    """Reading, blocking, unblocking and closing name the account."""
    none = AccountId("acc_none")
    async with clerk.session() as session:
        with pytest.raises(UnknownAccount):
            await accounts.read_account(session, none)
    for call in (accounts.unblock_account, accounts.close_account):
        async with clerk.session() as session:
            with pytest.raises(UnknownAccount):
                await call(session, none)


async def test_a_statement_has_a_running_balance_and_pages(clerk: Clerk) -> None:
    """Newest first; each entry with the balance after it, the same on whichever page it stands."""
    wallet, other = await clerk.wallet(1000), await clerk.wallet()
    for amount_minor in (100, 20, 3):
        await clerk.transfer(wallet, other, amount_minor)
    async with clerk.session() as session:
        whole = await accounts.statement(session, wallet)
        first = await accounts.statement(session, wallet, limit=3)
        rest = await accounts.statement(session, wallet, after=first[-1].cursor, limit=3)
    assert [(-3, 877), (-20, 880), (-100, 900), (1000, 1000)] == [
        (entry.amount_minor, entry.balance_minor) for entry in whole
    ]
    assert whole == first + rest


async def test_a_merchants_accounts_are_listed_by_kind_and_owner(clerk: Clerk) -> None:
    """In the order of their ids, in pages, its own alone; a filter leaves out what does not match."""
    await clerk.step(steps.PAYMENT, {"channel_minor": 1000})
    one, two = sorted([await clerk.wallet(5), await clerk.wallet()])
    pending = clerk.account(AccountKind.MERCHANT_PENDING)
    merchant = clerk.merchant_id
    async with clerk.session() as session:
        page = await accounts.accounts_of(session, merchant, limit=2)
        rest = await accounts.accounts_of(session, merchant, after=page[-1].id)
        wallets = await accounts.accounts_of(session, merchant, kind=AccountKind.WALLET, owner="payer")
        assert () == await accounts.accounts_of(session, merchant, kind=AccountKind.WALLET, owner="other")
        assert () == await accounts.accounts_of(session, "mer_other")
    assert [one, two, pending] == [account.id for account in page + rest]
    assert page == wallets
    assert [1000] == [account.available_minor for account in rest]


async def _close(clerk: Clerk, account_id: AccountId) -> None:
    async with clerk.session() as session, session.begin():
        await accounts.close_account(session, account_id)
