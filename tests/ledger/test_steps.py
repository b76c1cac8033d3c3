"""The table of steps is data: each row posts, and what it posts is what the table of the design says."""

from collections import Counter
from dataclasses import dataclass, field

import pytest

from domain.errors import UnknownAccount
from domain.ids import AccountId
from domain.states import FundsHolder
from ledger import steps
from ledger.accounts import statement
from ledger.chart import AccountKind
from ledger.legs import StepKey
from ledger.steps import OutOf, Role
from tests.ledger.clerk import Clerk


@dataclass(frozen=True)
class Row:
    """A step, its amounts, and the legs that the design names."""

    name: str
    step: steps.Step
    amounts: dict[str, int]
    legs: list[tuple[str, int]]
    funds_holder: FundsHolder = field(default=FundsHolder.PLATFORM)


THEIRS = FundsHolder.MERCHANT
CLEARING, PENDING, AVAILABLE, FEE = "channel_clearing", "merchant_pending", "merchant_available", "platform_fee"
TRANSIT, DIRECT, RECEIVABLE = "payout_in_transit", "merchant_direct", "merchant_fee_receivable"

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
    Row("top-up", steps.TOP_UP, {"top_up_minor": 500}, [(CLEARING, -500), ("wallet", 500)]),
    Row("transfer", steps.TRANSFER, {"transfer_minor": 500}, [("wallet", -500), ("wallet", 500)]),
    Row(
        "payout sent",
        steps.PAYOUT_SENT,
        {"payout_minor": 5000, "fee_minor": 100},
        [(AVAILABLE, -5000), (FEE, 100), (TRANSIT, 4900)],
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


async def _ready_parties(clerk: Clerk, row: Row) -> dict[str, object]:
    """Wallets and a receiver; whatever the step takes is there, and held where it comes out of a hold."""
    parties: dict[str, object] = {
        "wallet_id": await clerk.wallet(20000),
        "to_wallet_id": await clerk.wallet(),
        "receiver_id": f"receiver_{clerk.merchant_id}",
        "funds_holder": row.funds_holder,
    }
    await clerk.step(steps.PAYMENT, {"channel_minor": 50000})
    await clerk.step(steps.SETTLEMENT, {"settled_minor": 20000})
    await clerk.step(steps.UNAPPLIED_RECEIPT, {"received_minor": 20000})
    parties["holds"] = await _holds(clerk, row, wallet_id=parties["wallet_id"])
    return parties


async def _holds(clerk: Clerk, row: Row, **wallet: object) -> dict[Role, StepKey]:
    """The hold of each role that pays out of one: exactly what its legs take together."""
    net: Counter[Role] = Counter()
    for rule in row.step.legs:
        if rule.out_of is not OutOf.BALANCE:
            net[rule.role] += sum(row.amounts.get(name, 0) for name in rule.minus)
            net[rule.role] -= sum(row.amounts.get(name, 0) for name in rule.plus)
    holds = {}
    for role, amount_minor in net.items():
        holds[role] = clerk.key(role.value)
        account_id = wallet["wallet_id"] if role is Role.WALLET else _account(clerk, role)
        if amount_minor:
            await clerk.hold(holds[role], clerk.request(account_id, amount_minor))  # type: ignore[arg-type]
    return holds


def _account(clerk: Clerk, role: Role) -> str:
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
