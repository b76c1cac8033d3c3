"""The table of steps: what each money step posts. It is data; the book posts whatever stands here."""

from domain.states import FundsHolder
from ledger.legs import Leg
from ledger.rules import LegRule, OutOf, Parties, Role, Step, legs

# What a caller of a step needs stands here in one place.
__all__ = [
    "CHANNEL_FEE",
    "CHANNEL_SETTLEMENT",
    "MISMATCHED_RECEIPT",
    "OPENING",
    "PAYMENT",
    "PAYOUT_DONE",
    "PAYOUT_DONE_BY_BANK",
    "PAYOUT_FROM_SUSPENSE",
    "PAYOUT_RETURNED",
    "PAYOUT_RETURNED_TO_BANK",
    "PAYOUT_RETURNED_TO_SUSPENSE",
    "PAYOUT_SENT",
    "REFUND",
    "REFUND_BOUNCED",
    "REFUND_SUSPENSE",
    "REFUND_UNAPPLIED",
    "SETTLEMENT",
    "SPLIT_AT_CHANNEL",
    "SPLIT_IN_LEDGER",
    "STEPS",
    "SUSPENSE_TO_WALLET",
    "TOP_UP",
    "TRANSFER",
    "UNAPPLIED_RECEIPT",
    "Leg",
    "LegRule",
    "OutOf",
    "Parties",
    "Role",
    "Step",
    "legs",
]

_REFUNDED_FEES = ("pending_fee_minor", "available_fee_minor", "debt_fee_minor", "direct_fee_minor")
_OURS, _THEIRS = FundsHolder.PLATFORM, FundsHolder.MERCHANT

PAYMENT = Step(
    "payment",
    (
        LegRule(Role.WALLET, "payment", minus=("balance_minor",), out_of=OutOf.HOLD),
        LegRule(Role.CLEARING, "payment", minus=("channel_minor",)),
        LegRule(Role.COUPON_COST, "coupon", minus=("coupon_minor",)),
        LegRule(Role.PENDING, "payment", plus=("channel_minor", "balance_minor", "coupon_minor"), only=_OURS),
        LegRule(Role.PENDING, "fee", minus=("fee_minor",), only=_OURS),
        LegRule(Role.DIRECT, "payment", plus=("channel_minor",), only=_THEIRS),
        LegRule(Role.PENDING, "payment", plus=("balance_minor", "coupon_minor"), only=_THEIRS),
        LegRule(Role.FEE_RECEIVABLE, "fee", minus=("fee_minor",), only=_THEIRS),
        LegRule(Role.PLATFORM_FEE, "fee", plus=("fee_minor",)),
    ),
)
#: Money that arrived late or twice.
UNAPPLIED_RECEIPT = Step(
    "unapplied_receipt",
    (
        LegRule(Role.CLEARING, "receipt", minus=("received_minor",)),
        LegRule(Role.UNAPPLIED, "receipt", plus=("received_minor",)),
    ),
)
#: Money that arrived in a wrong amount or currency.
MISMATCHED_RECEIPT = Step(
    "mismatched_receipt",
    (
        LegRule(Role.CLEARING, "receipt", minus=("received_minor",)),
        LegRule(Role.SUSPENSE, "receipt", plus=("received_minor",)),
    ),
)
REFUND_UNAPPLIED = Step(
    "refund_unapplied",
    (
        LegRule(Role.UNAPPLIED, "refund", minus=("refund_minor",), out_of=OutOf.HOLD),
        LegRule(Role.CLEARING, "refund", plus=("refund_minor",)),
    ),
)
REFUND_SUSPENSE = Step(
    "refund_suspense",
    (
        LegRule(Role.SUSPENSE, "refund", minus=("refund_minor",)),
        LegRule(Role.CLEARING, "refund", plus=("refund_minor",)),
    ),
)
#: A refund, or one leg of it, out of what the merchant has where: gross, less the fee that returns there.
REFUND = Step(
    "refund",
    (
        LegRule(Role.PENDING, "refund", minus=("pending_minor",), out_of=OutOf.HOLD),
        LegRule(Role.PENDING, "fee", plus=("pending_fee_minor",), out_of=OutOf.HOLD),
        LegRule(Role.AVAILABLE, "refund", minus=("available_minor",), out_of=OutOf.HOLD),
        LegRule(Role.AVAILABLE, "fee", plus=("available_fee_minor",), out_of=OutOf.HOLD),
        LegRule(Role.DEBT, "refund", minus=("debt_minor",), out_of=OutOf.EITHER),
        LegRule(Role.DEBT, "fee", plus=("debt_fee_minor",), out_of=OutOf.EITHER),
        LegRule(Role.DIRECT, "refund", minus=("direct_minor",)),
        LegRule(Role.FEE_RECEIVABLE, "fee", plus=("direct_fee_minor",)),
        LegRule(Role.PLATFORM_FEE, "fee", minus=_REFUNDED_FEES),
        LegRule(Role.CLEARING, "refund", plus=("channel_minor",)),
        LegRule(Role.WALLET, "refund", plus=("balance_minor",)),
        LegRule(Role.COUPON_COST, "coupon", plus=("coupon_minor",)),
    ),
)
#: A refund that the channel had done and that came back: whose it is now, its suspense item says.
REFUND_BOUNCED = Step(
    "refund_bounced",
    (
        LegRule(Role.CLEARING, "refund", minus=("refund_minor",)),
        LegRule(Role.SUSPENSE, "refund", plus=("refund_minor",)),
    ),
)
#: A suspense item ends in the payer's wallet.
SUSPENSE_TO_WALLET = Step(
    "suspense_to_wallet",
    (
        LegRule(Role.SUSPENSE, "suspense", minus=("suspense_minor",)),
        LegRule(Role.WALLET, "suspense", plus=("suspense_minor",)),
    ),
)
#: A suspense item ends in a transfer to the payer through the channel.
PAYOUT_FROM_SUSPENSE = Step(
    "payout_from_suspense",
    (
        LegRule(Role.SUSPENSE, "payout", minus=("suspense_minor",)),
        LegRule(Role.CLEARING, "payout", plus=("suspense_minor",)),
    ),
)
TOP_UP = Step(
    "top_up",
    (
        LegRule(Role.CLEARING, "top_up", minus=("top_up_minor",)),
        LegRule(Role.WALLET, "top_up", plus=("top_up_minor",)),
        LegRule(Role.WALLET, "fee", minus=("fee_minor",)),
        LegRule(Role.PLATFORM_FEE, "fee", plus=("fee_minor",)),
    ),
)
#: The sender pays the fee, on top of what arrives.
TRANSFER = Step(
    "transfer",
    (
        LegRule(Role.SOURCE, "transfer", minus=("transfer_minor",), out_of=OutOf.EITHER),
        LegRule(Role.SOURCE, "fee", minus=("fee_minor",), out_of=OutOf.EITHER),
        LegRule(Role.TARGET, "transfer", plus=("transfer_minor",)),
        LegRule(Role.PLATFORM_FEE, "fee", plus=("fee_minor",)),
    ),
)
PAYOUT_SENT = Step(
    "payout_sent",
    (
        LegRule(Role.SOURCE, "payout", minus=("payout_minor",), out_of=OutOf.HOLD),
        LegRule(Role.PLATFORM_FEE, "fee", plus=("fee_minor",)),
        LegRule(Role.IN_TRANSIT, "payout", plus=("payout_minor",), minus=("fee_minor",)),
    ),
)
#: Paid by the channel, out of what it holds for us; `PAYOUT_DONE_BY_BANK` when our bank paid it.
PAYOUT_DONE = Step(
    "payout_done",
    (
        LegRule(Role.IN_TRANSIT, "payout", plus=("fee_minor",), minus=("payout_minor",)),
        LegRule(Role.CLEARING, "payout", plus=("payout_minor",), minus=("fee_minor",)),
    ),
)
PAYOUT_DONE_BY_BANK = Step(
    "payout_done",
    (
        LegRule(Role.IN_TRANSIT, "payout", plus=("fee_minor",), minus=("payout_minor",)),
        LegRule(Role.BANK, "payout", plus=("payout_minor",), minus=("fee_minor",)),
    ),
)
#: Bounced after it was done, to the channel or to our bank; `returned_fee_minor` is what of the fee comes back.
PAYOUT_RETURNED = Step(
    "payout_returned",
    (
        LegRule(Role.CLEARING, "payout", plus=("fee_minor",), minus=("payout_minor",)),
        LegRule(Role.TARGET, "payout", plus=("payout_minor",), minus=("fee_minor",)),
        LegRule(Role.TARGET, "fee", plus=("returned_fee_minor",)),
        LegRule(Role.PLATFORM_FEE, "fee", minus=("returned_fee_minor",)),
    ),
)
#: What came back and cannot return where it came from: its account was closed, or it had been in suspense.
PAYOUT_RETURNED_TO_SUSPENSE = Step(
    "payout_returned",
    (
        LegRule(Role.CLEARING, "payout", plus=("fee_minor",), minus=("payout_minor",)),
        LegRule(Role.SUSPENSE, "payout", plus=("payout_minor",), minus=("fee_minor",)),
    ),
)
PAYOUT_RETURNED_TO_BANK = Step(
    "payout_returned",
    (
        LegRule(Role.BANK, "payout", plus=("fee_minor",), minus=("payout_minor",)),
        LegRule(Role.TARGET, "payout", plus=("payout_minor",), minus=("fee_minor",)),
        LegRule(Role.TARGET, "fee", plus=("returned_fee_minor",)),
        LegRule(Role.PLATFORM_FEE, "fee", minus=("returned_fee_minor",)),
    ),
)
SETTLEMENT = Step(
    "settlement",
    (
        LegRule(Role.PENDING, "settlement", minus=("settled_minor",), out_of=OutOf.EITHER),
        LegRule(Role.AVAILABLE, "settlement", plus=("settled_minor",)),
    ),
)
#: The channel pays what it holds for us to our bank.
CHANNEL_SETTLEMENT = Step(
    "channel_settlement",
    (
        LegRule(Role.CLEARING, "settlement", plus=("settled_minor",)),
        LegRule(Role.BANK, "settlement", minus=("settled_minor",)),
    ),
)
CHANNEL_FEE = Step(
    "channel_fee",
    (
        LegRule(Role.CLEARING, "fee", plus=("channel_fee_minor",)),
        LegRule(Role.CHANNEL_FEE, "fee", minus=("channel_fee_minor",)),
    ),
)
SPLIT_IN_LEDGER = Step(
    "split_in_ledger",
    (
        LegRule(Role.PENDING, "split", minus=("split_minor",), out_of=OutOf.HOLD),
        LegRule(Role.RECEIVER_PENDING, "split", plus=("split_minor",)),
    ),
)
#: The channel gives the receiver its share: no ledger account of the receiver is credited.
SPLIT_AT_CHANNEL = Step(
    "split_at_channel",
    (
        LegRule(Role.PENDING, "split", minus=("split_minor",), out_of=OutOf.HOLD),
        LegRule(Role.CLEARING, "split", plus=("split_minor",)),
    ),
)
#: Balances of the demo and of a migration.
OPENING = Step(
    "opening",
    (
        LegRule(Role.OPENING, "opening", minus=("opening_minor",)),
        LegRule(Role.TARGET, "opening", plus=("opening_minor",)),
    ),
)

#: Every step that posts money.
STEPS: tuple[Step, ...] = (
    PAYMENT,
    UNAPPLIED_RECEIPT,
    MISMATCHED_RECEIPT,
    REFUND_UNAPPLIED,
    REFUND_SUSPENSE,
    REFUND,
    REFUND_BOUNCED,
    SUSPENSE_TO_WALLET,
    PAYOUT_FROM_SUSPENSE,
    TOP_UP,
    TRANSFER,
    PAYOUT_SENT,
    PAYOUT_DONE,
    PAYOUT_DONE_BY_BANK,
    PAYOUT_RETURNED,
    PAYOUT_RETURNED_TO_BANK,
    PAYOUT_RETURNED_TO_SUSPENSE,
    SETTLEMENT,
    CHANNEL_SETTLEMENT,
    CHANNEL_FEE,
    SPLIT_IN_LEDGER,
    SPLIT_AT_CHANNEL,
    OPENING,
)
