"""The table of steps: what each money step posts. It is data; the book posts whatever stands here.

An amount is a sum and difference of named amounts, credit is plus, and legs that come to zero are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.ids import AccountId
from domain.money import Currency
from domain.states import FundsHolder
from ledger.chart import CHART, PLATFORM, AccountKind, OwnedBy, system_account_id
from ledger.legs import Leg, StepKey


class Role(StrEnum):
    """The parts that accounts play in a step; those named like a kind are the account of that kind."""

    WALLET = "wallet"
    TO_WALLET = "to_wallet"
    AVAILABLE = "merchant_available"
    PENDING = "merchant_pending"
    RECEIVER_PENDING = "receiver_pending"
    UNAPPLIED = "unapplied"
    CLEARING = "channel_clearing"
    BANK = "bank"
    DIRECT = "merchant_direct"
    FEE_RECEIVABLE = "merchant_fee_receivable"
    DEBT = "merchant_debt"
    IN_TRANSIT = "payout_in_transit"
    PLATFORM_FEE = "platform_fee"
    CHANNEL_FEE = "channel_fee"
    COUPON_COST = "coupon_cost"
    SUSPENSE = "suspense"
    OPENING = "opening"

    @property
    def account_kind(self) -> AccountKind:
        """The kind of account that plays this part."""
        match self:
            case Role.TO_WALLET:
                return AccountKind.WALLET
            case Role.RECEIVER_PENDING:
                return AccountKind.MERCHANT_PENDING
            case _:
                return AccountKind(self.value)


class OutOf(StrEnum):
    """Where a debit finds its money."""

    BALANCE = "balance"  # the guard decides, or there is none
    HOLD = "hold"  # the hold that the try made
    EITHER = "either"  # the hold when one was made, else the balance


@dataclass(frozen=True)
class LegRule:
    """One leg of a step: the sum of the `plus` amounts less the `minus` amounts; `only` for that funds holder."""

    role: Role
    kind: str
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    out_of: OutOf = OutOf.BALANCE
    only: FundsHolder | None = None


@dataclass(frozen=True)
class Step:
    """One row of the table; its name is the step of the posting's key."""

    name: str
    legs: tuple[LegRule, ...]

    @property
    def amounts(self) -> frozenset[str]:
        """The names of the amounts that the legs are made of."""
        return frozenset(name for leg in self.legs for name in (*leg.plus, *leg.minus))


@dataclass(frozen=True, kw_only=True)
class Parties:
    """Who takes part in a step, which object it is about, and the holds that its tries made, by role."""

    currency: Currency
    object_id: str
    merchant_id: str | None = None
    channel_account_id: str | None = None
    funds_holder: FundsHolder = FundsHolder.PLATFORM
    wallet_id: AccountId | None = None
    to_wallet_id: AccountId | None = None
    receiver_id: str | None = None
    holds: Mapping[Role, StepKey] | None = None


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
        LegRule(Role.DEBT, "refund", minus=("debt_minor",)),
        LegRule(Role.DIRECT, "refund", minus=("direct_minor",)),
        LegRule(Role.FEE_RECEIVABLE, "fee", plus=("direct_fee_minor",)),
        LegRule(Role.PLATFORM_FEE, "fee", minus=("pending_fee_minor", "available_fee_minor", "direct_fee_minor")),
        LegRule(Role.CLEARING, "refund", plus=("channel_minor",)),
        LegRule(Role.WALLET, "refund", plus=("balance_minor",)),
        LegRule(Role.COUPON_COST, "coupon", plus=("coupon_minor",)),
    ),
)
TOP_UP = Step(
    "top_up",
    (
        LegRule(Role.CLEARING, "top_up", minus=("top_up_minor",)),
        LegRule(Role.WALLET, "top_up", plus=("top_up_minor",)),
    ),
)
TRANSFER = Step(
    "transfer",
    (
        LegRule(Role.WALLET, "transfer", minus=("transfer_minor",), out_of=OutOf.EITHER),
        LegRule(Role.TO_WALLET, "transfer", plus=("transfer_minor",)),
    ),
)
PAYOUT_SENT = Step(
    "payout_sent",
    (
        LegRule(Role.AVAILABLE, "payout", minus=("payout_minor",), out_of=OutOf.HOLD),
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
#: Bounced after it was done; `returned_fee_minor` is what of the fee the policy gives back.
PAYOUT_RETURNED = Step(
    "payout_returned",
    (
        LegRule(Role.CLEARING, "payout", plus=("fee_minor",), minus=("payout_minor",)),
        LegRule(Role.AVAILABLE, "payout", plus=("payout_minor",), minus=("fee_minor",)),
        LegRule(Role.AVAILABLE, "fee", plus=("returned_fee_minor",)),
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
        LegRule(Role.WALLET, "opening", plus=("opening_minor",)),
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
    TOP_UP,
    TRANSFER,
    PAYOUT_SENT,
    PAYOUT_DONE,
    PAYOUT_DONE_BY_BANK,
    PAYOUT_RETURNED,
    SETTLEMENT,
    CHANNEL_SETTLEMENT,
    CHANNEL_FEE,
    SPLIT_IN_LEDGER,
    SPLIT_AT_CHANNEL,
    OPENING,
)


def legs(step: Step, amounts: Mapping[str, int], parties: Parties) -> tuple[Leg, ...]:
    """The legs of a step for these amounts (minor units, ≥ 0; one left out is 0); those of zero are dropped.

    ValueError for an amount that the step does not have, or a party or hold that a leg needs and that is missing.
    """
    if unknown := amounts.keys() - step.amounts:
        raise ValueError(f"the step {step.name} has no amount {sorted(unknown)}")
    holder = parties.funds_holder if amounts.get("channel_minor") else FundsHolder.PLATFORM
    rules = [rule for rule in step.legs if rule.only in {None, holder}]
    sums = [(rule, _sum(rule, amounts)) for rule in rules]
    return tuple(_leg(rule, amount_minor, parties) for rule, amount_minor in sums if amount_minor)


def _sum(rule: LegRule, amounts: Mapping[str, int]) -> int:
    plus = sum(amounts.get(name, 0) for name in rule.plus)
    return plus - sum(amounts.get(name, 0) for name in rule.minus)


def _leg(rule: LegRule, amount_minor: int, parties: Parties) -> Leg:
    account_id, owner = _account(rule.role, parties)
    return Leg(
        account_id=account_id,
        account_kind=rule.role.account_kind,
        owner=owner,
        merchant_id=_merchant(rule.role, owner),
        currency=parties.currency,
        amount_minor=amount_minor,
        kind=rule.kind,
        object_id=parties.object_id,
        hold=_hold(rule, parties),
    )


def _account(role: Role, parties: Parties) -> tuple[AccountId, str | None]:
    """The account that plays the part, and its owner where a posting may open it."""
    match role:
        case Role.WALLET:
            return AccountId(_required(parties.wallet_id, role)), None
        case Role.TO_WALLET:
            return AccountId(_required(parties.to_wallet_id, role)), None
        case _:
            owner = _owner(role, parties)
            return system_account_id(role.account_kind, owner, parties.currency), owner


def _owner(role: Role, parties: Parties) -> str:
    if role is Role.RECEIVER_PENDING:
        return _required(parties.receiver_id, role)
    match CHART[role.account_kind].owned_by:
        case OwnedBy.MERCHANT:
            return _required(parties.merchant_id, role)
        case OwnedBy.CHANNEL_ACCOUNT:
            return _required(parties.channel_account_id, role)
        case _:
            return PLATFORM


def _merchant(role: Role, owner: str | None) -> str | None:
    """Whom a new account belongs to: the merchant whose name it carries, else us."""
    return owner if CHART[role.account_kind].owned_by is OwnedBy.MERCHANT else None


def _hold(rule: LegRule, parties: Parties) -> StepKey | None:
    if rule.out_of is OutOf.BALANCE:
        return None
    key = (parties.holds or {}).get(rule.role)
    if key is None and rule.out_of is OutOf.HOLD:
        raise ValueError(f"{rule.role} pays out of a hold, and none was given")
    return key


def _required(party: str | None, role: Role) -> str:
    if party is None:
        raise ValueError(f"the step needs the party of {role}")
    return party
