"""The table of steps is data: each row posts, and what it posts is what the table of the design says."""

from collections import Counter
from dataclasses import dataclass, field

import pytest

from domain.errors import UnknownAccount
from domain.ids import AccountId
from domain.states import FundsHolder
from ledger import steps
from ledger.accounts import statement
from ledger.book import HoldFromRequest, Source, hold_from
from ledger.chart import AccountKind
from ledger.legs import StepKey
from ledger.steps import OutOf, Role
from tests.ledger.clerk import CNY, Clerk


@dataclass(frozen=True)
class Row:
    """A step, its amounts, and the legs that the design names."""

    name: str
    step: steps.Step
    amounts: dict[str, int]
    legs: list[tuple[str, int]]
    funds_holder: FundsHolder = field(default=FundsHolder.PLATFORM)
    source: AccountKind = field(default=AccountKind.WALLET, kw_only=True)
    target: AccountKind = field(default=AccountKind.WALLET, kw_only=True)


THEIRS = FundsHolder.MERCHANT
CLEARING, PENDING, AVAILABLE, FEE = "channel_clearing", "merchant_pending", "merchant_available", "platform_fee"
TRANSIT, DIRECT, RECEIVABLE = "payout_in_transit", "merchant_direct", "merchant_fee_receivable"
DEBT = "merchant_debt"

ROWS = [
    Row(
        "wholly by channel",
        steps.PAYMENT,
        {"channel_minor": 10000, "fee_minor": 60},
        [(CLEARING, -10000), (PENDING, 10000), (PENDING, -60), (FEE, 60)],
    ),
    Row(
        "wholly by balance",
        steps.PAYMENT,
        {"balance_minor": 10000, "fee_minor": 60},
        [("wallet", -10000), (PENDING, 10000), (PENDING, -60), (FEE, 60)],
    ),
    Row(
        "mixed 30 + 70",
        steps.PAYMENT,
        {"balance_minor": 3000, "channel_minor": 7000, "fee_minor": 60},
        [("wallet", -3000), (CLEARING, -7000), (PENDING, 10000), (PENDING, -60), (FEE, 60)],
    ),
    Row(
        "without a fee",
        steps.PAYMENT,
        {"channel_minor": 10000, "fee_minor": 0},
        [(CLEARING, -10000), (PENDING, 10000)],
    ),
    Row(
        "platform coupon 20, payer 80",
        steps.PAYMENT,
        {"channel_minor": 8000, "coupon_minor": 2000, "fee_minor": 48},
        [(CLEARING, -8000), ("coupon_cost", -2000), (PENDING, 10000), (PENDING, -48), (FEE, 48)],
    ),
    Row(
        "the merchant's own contract",
        steps.PAYMENT,
        {"channel_minor": 10000, "fee_minor": 60},
        [(CLEARING, -10000), (DIRECT, 10000), (RECEIVABLE, -60), (FEE, 60)],
        THEIRS,
    ),
    Row(
        "the merchant's own contract, mixed",
        steps.PAYMENT,
        {"balance_minor": 3000, "channel_minor": 7000, "fee_minor": 60},
        [("wallet", -3000), (CLEARING, -7000), (DIRECT, 7000), (PENDING, 3000), (RECEIVABLE, -60), (FEE, 60)],
        THEIRS,
    ),
    Row(
        "the merchant's own contract, wholly by balance: ours to settle",
        steps.PAYMENT,
        {"balance_minor": 10000, "fee_minor": 60},
        [("wallet", -10000), (PENDING, 10000), (PENDING, -60), (FEE, 60)],
        THEIRS,
    ),
    Row(
        "late or twice",
        steps.UNAPPLIED_RECEIPT,
        {"received_minor": 10000},
        [(CLEARING, -10000), ("unapplied", 10000)],
    ),
    Row(
        "given back",
        steps.REFUND_UNAPPLIED,
        {"refund_minor": 10000},
        [("unapplied", -10000), (CLEARING, 10000)],
    ),
    Row(
        "wrong amount 99.99",
        steps.MISMATCHED_RECEIPT,
        {"received_minor": 9999},
        [(CLEARING, -9999), ("suspense", 9999)],
    ),
    Row(
        "wrong amount given back",
        steps.REFUND_SUSPENSE,
        {"refund_minor": 9999},
        [("suspense", -9999), (CLEARING, 9999)],
    ),
    Row(
        "refund 40, unsettled",
        steps.REFUND,
        {"pending_minor": 4000, "pending_fee_minor": 24, "channel_minor": 4000},
        [(PENDING, -4000), (PENDING, 24), (FEE, -24), (CLEARING, 4000)],
    ),
    Row(
        "refund 40, settled",
        steps.REFUND,
        {"available_minor": 4000, "available_fee_minor": 24, "channel_minor": 4000},
        [(AVAILABLE, -4000), (AVAILABLE, 24), (FEE, -24), (CLEARING, 4000)],
    ),
    Row(
        "refund 40 of the merchant's own contract",
        steps.REFUND,
        {"direct_minor": 4000, "direct_fee_minor": 24, "channel_minor": 4000},
        [(DIRECT, -4000), (RECEIVABLE, 24), (FEE, -24), (CLEARING, 4000)],
    ),
    Row(
        "refund 40, all of it out of the merchant's debt",
        steps.REFUND,
        {"debt_minor": 4000, "debt_fee_minor": 24, "channel_minor": 4000},
        [(DEBT, -4000), (DEBT, 24), (FEE, -24), (CLEARING, 4000)],
    ),
    Row(
        "refund 40, of which only the fee is in pending",
        steps.REFUND,
        {"pending_minor": 24, "pending_fee_minor": 24, "available_minor": 3976, "channel_minor": 4000},
        [(PENDING, -24), (PENDING, 24), (AVAILABLE, -3976), (FEE, -24), (CLEARING, 4000)],
    ),
    Row(
        "a refund that came back",
        steps.REFUND_BOUNCED,
        {"refund_minor": 4000},
        [(CLEARING, -4000), ("suspense", 4000)],
    ),
    Row(
        "a suspense item goes to the payer's wallet",
        steps.SUSPENSE_TO_WALLET,
        {"suspense_minor": 4000},
        [("suspense", -4000), ("wallet", 4000)],
    ),
    Row(
        "a suspense item is paid out",
        steps.PAYOUT_FROM_SUSPENSE,
        {"suspense_minor": 4000},
        [("suspense", -4000), (CLEARING, 4000)],
    ),
    Row("top-up", steps.TOP_UP, {"top_up_minor": 500}, [(CLEARING, -500), ("wallet", 500)]),
    Row(
        "top-up with a fee",
        steps.TOP_UP,
        {"top_up_minor": 500, "fee_minor": 3},
        [(CLEARING, -500), ("wallet", 500), ("wallet", -3), (FEE, 3)],
    ),
    Row("transfer", steps.TRANSFER, {"transfer_minor": 500}, [("wallet", -500), ("wallet", 500)]),
    Row(
        "transfer out of a merchant's available money, with a fee",
        steps.TRANSFER,
        {"transfer_minor": 500, "fee_minor": 3},
        [(AVAILABLE, -500), (AVAILABLE, -3), ("wallet", 500), (FEE, 3)],
        source=AccountKind.MERCHANT_AVAILABLE,
    ),
    Row(
        "transfer to another merchant's available money, which it opens",
        steps.TRANSFER,
        {"transfer_minor": 500},
        [("wallet", -500), (AVAILABLE, 500)],
        target=AccountKind.MERCHANT_AVAILABLE,
    ),
    Row(
        "payout sent",
        steps.PAYOUT_SENT,
        {"payout_minor": 5000, "fee_minor": 100},
        [(AVAILABLE, -5000), (FEE, 100), (TRANSIT, 4900)],
        source=AccountKind.MERCHANT_AVAILABLE,
    ),
    Row(
        "payout sent from a wallet",
        steps.PAYOUT_SENT,
        {"payout_minor": 5000},
        [("wallet", -5000), (TRANSIT, 5000)],
    ),
    Row(
        "payout done",
        steps.PAYOUT_DONE,
        {"payout_minor": 5000, "fee_minor": 100},
        [(TRANSIT, -4900), (CLEARING, 4900)],
    ),
    Row(
        "payout done by our bank",
        steps.PAYOUT_DONE_BY_BANK,
        {"payout_minor": 5000, "fee_minor": 100},
        [(TRANSIT, -4900), ("bank", 4900)],
    ),
    Row(
        "payout returned, the fee given back",
        steps.PAYOUT_RETURNED,
        {"payout_minor": 5000, "fee_minor": 100, "returned_fee_minor": 100},
        [(CLEARING, -4900), (AVAILABLE, 4900), (AVAILABLE, 100), (FEE, -100)],
        target=AccountKind.MERCHANT_AVAILABLE,
    ),
    Row(
        "payout returned, its account closed meanwhile",
        steps.PAYOUT_RETURNED_TO_SUSPENSE,
        {"payout_minor": 5000, "fee_minor": 100},
        [(CLEARING, -4900), ("suspense", 4900)],
    ),
    Row(
        "payout returned to our bank, the fee kept, into a wallet",
        steps.PAYOUT_RETURNED_TO_BANK,
        {"payout_minor": 5000, "fee_minor": 100},
        [("bank", -4900), ("wallet", 4900)],
    ),
    Row("settlement T+N", steps.SETTLEMENT, {"settled_minor": 700}, [(PENDING, -700), (AVAILABLE, 700)]),
    Row("channel pays our bank", steps.CHANNEL_SETTLEMENT, {"settled_minor": 700}, [(CLEARING, 700), ("bank", -700)]),
    Row(
        "channel's fee by the bill",
        steps.CHANNEL_FEE,
        {"channel_fee_minor": 38},
        [(CLEARING, 38), ("channel_fee", -38)],
    ),
    Row("split in the ledger", steps.SPLIT_IN_LEDGER, {"split_minor": 300}, [(PENDING, -300), (PENDING, 300)]),
    Row("split at the channel", steps.SPLIT_AT_CHANNEL, {"split_minor": 300}, [(PENDING, -300), (CLEARING, 300)]),
    Row("opening", steps.OPENING, {"opening_minor": 100000}, [("opening", -100000), ("wallet", 100000)]),
    Row(
        "opening of a merchant's available money",
        steps.OPENING,
        {"opening_minor": 100000},
        [("opening", -100000), (AVAILABLE, 100000)],
        target=AccountKind.MERCHANT_AVAILABLE,
    ),
]


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
