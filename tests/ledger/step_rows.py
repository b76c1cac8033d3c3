"""The table of the design: for each step its amounts and the legs that it posts, gross and in order."""

from dataclasses import dataclass, field

from domain.states import FundsHolder
from ledger import steps
from ledger.chart import AccountKind


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
