"""The table of steps is data: each row posts, and what it posts is what the table of the design says."""

from collections import Counter

import pytest

from domain.errors import UnknownAccount
from domain.ids import AccountId
from ledger import steps
from ledger.accounts import statement
from ledger.book import HoldFromRequest, Source, hold_from
from ledger.chart import AccountKind
from ledger.legs import StepKey
from ledger.steps import OutOf, Role
from tests.ledger.clerk import CNY, Clerk
from tests.ledger.step_rows import DEBT, ROWS, Row


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.step.name}: {row.name}")
async def test_a_step_posts_the_legs_of_the_table(clerk: Clerk, row: Row) -> None:
    """Each row of the design's table posts on real accounts; the entries are its legs, in its order."""
    parties = await _ready_parties(clerk, row)
    legs = steps.legs(row.step, row.amounts, clerk.parties(**parties))
    assert row.legs == [(leg.account_kind.value, leg.amount_minor) for leg in legs]

    before = await _balances(clerk, {leg.account_id for leg in legs})
    result = await clerk.post(clerk.key(row.step.name), legs)

    moved: Counter[str] = Counter()
    for leg in legs:
        moved[leg.account_id] += leg.amount_minor
    after = await _balances(clerk, set(moved))
    assert dict(moved) == {account: after[account] - before[account] for account in moved}
    async with clerk.session() as session:
        entered = {
            (entry.n, entry.amount_minor, entry.kind)
            for account in moved
            for entry in await statement(session, AccountId(account))
            if entry.posting_id == result.posting_id
        }
    assert {(n, leg.amount_minor, leg.kind) for n, leg in enumerate(legs, 1)} == entered


def test_every_step_has_a_row_here() -> None:
    """A step that is added to the table is tested."""
    assert set(steps.STEPS) == {row.step for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.step.name}: {row.name}")
def test_the_legs_of_a_step_sum_to_zero(row: Row) -> None:
    """A posting sums to zero."""
    assert sum(amount_minor for _, amount_minor in row.legs) == 0


def test_an_amount_that_the_step_does_not_have_is_refused(clerk: Clerk) -> None:
    """A misspelt amount must not silently post nothing."""
    with pytest.raises(ValueError, match="no amount"):
        steps.legs(steps.TOP_UP, {"topup_minor": 1}, clerk.parties())


def test_a_leg_out_of_a_hold_needs_its_hold(clerk: Clerk) -> None:
    """A confirm never debits a guarded account beside its hold (law 6)."""
    with pytest.raises(ValueError, match="hold"):
        steps.legs(steps.REFUND_UNAPPLIED, {"refund_minor": 1}, clerk.parties())


def test_a_party_of_another_kind_than_its_account_is_refused(clerk: Clerk) -> None:
    """A system account's owner stands in its id; a wallet's id is no merchant's available money."""
    parties = clerk.parties(target_id=AccountId("acc_1"), target_kind=AccountKind.MERCHANT_AVAILABLE)
    with pytest.raises(ValueError, match="acc_1"):
        steps.legs(steps.OPENING, {"opening_minor": 1}, parties)


async def _ready_parties(clerk: Clerk, row: Row) -> dict[str, object]:
    """Wallets and a receiver; whatever the step takes is there, and held where it comes out of a hold."""
    parties: dict[str, object] = {
        "wallet_id": await clerk.wallet(20000),
        "source_kind": row.source,
        "target_kind": row.target,
        "receiver_id": f"receiver_{clerk.merchant_id}",
        "funds_holder": row.funds_holder,
    }
    await clerk.step(steps.PAYMENT, {"channel_minor": 50000})
    await clerk.step(steps.SETTLEMENT, {"settled_minor": 20000})
    await clerk.step(steps.UNAPPLIED_RECEIPT, {"received_minor": 20000})
    parties["source_id"] = await _source(clerk, row)
    parties["target_id"] = await _target(clerk, row)
    parties["holds"] = await _holds(clerk, row, parties)
    return parties


async def _source(clerk: Clerk, row: Row) -> AccountId:
    return await clerk.wallet(20000) if row.source is AccountKind.WALLET else clerk.account(row.source)


async def _target(clerk: Clerk, row: Row) -> AccountId:
    """A new wallet, or an account of a merchant that has none yet."""
    other = f"other_{clerk.merchant_id}"
    return await clerk.wallet() if row.target is AccountKind.WALLET else clerk.account(row.target, other)


async def _holds(clerk: Clerk, row: Row, parties: dict[str, object]) -> dict[Role, StepKey]:
    """The hold of each role that pays out of one: exactly what its legs take together."""
    net: Counter[Role] = Counter()
    for rule in row.step.legs:
        if rule.out_of is not OutOf.BALANCE:
            net[rule.role] += sum(row.amounts.get(name, 0) for name in rule.minus)
            net[rule.role] -= sum(row.amounts.get(name, 0) for name in rule.plus)
    holds = {}
    for role, amount_minor in net.items():
        if amount_minor > 0:
            holds[role] = clerk.key(role.value)
            await _hold(clerk, holds[role], amount_minor, _account(clerk, role, parties))
    return holds


async def _hold(clerk: Clerk, key: StepKey, amount_minor: int, account_id: AccountId) -> None:
    """Debt is held through its own limit."""
    source = Source(account_id=account_id)
    if account_id.startswith(DEBT):
        source = Source(
            account_id=account_id, account_kind=AccountKind.MERCHANT_DEBT, owner=clerk.merchant_id, credit_minor=20000
        )
    request = HoldFromRequest(merchant_id=clerk.merchant_id, amount_minor=amount_minor, currency=CNY, sources=(source,))
    async with clerk.session() as session, session.begin():
        await hold_from(session, key, request)


def _account(clerk: Clerk, role: Role, parties: dict[str, object]) -> AccountId:
    match role:
        case Role.WALLET:
            return AccountId(str(parties["wallet_id"]))
        case Role.SOURCE:
            return AccountId(str(parties["source_id"]))
        case _:
            owner = clerk.channel_account_id if role is Role.UNAPPLIED else clerk.merchant_id
            return clerk.account(AccountKind(role.value), owner)


async def _balances(clerk: Clerk, account_ids: set[str]) -> dict[str, int]:
    balances: dict[str, int] = {}
    for account_id in account_ids:
        try:
            balances[account_id] = (await clerk.read(account_id)).total_minor  # type: ignore[arg-type]
        except UnknownAccount:
            balances[account_id] = 0
    return balances
