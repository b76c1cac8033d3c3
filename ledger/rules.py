"""How a step is written down as data, and how its legs are made from amounts and parties.

An amount is a sum and difference of named amounts, credit is plus, and legs that come to zero are left out.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.ids import AccountId
from domain.money import Currency
from domain.states import FundsHolder
from ledger.chart import CHART, PLATFORM, AccountKind, OwnedBy, owner_of, system_account_id
from ledger.legs import Leg, StepKey


class Role(StrEnum):
    """The parts that accounts play in a step; those named like a kind are the account of that kind."""

    SOURCE = "source"  # a wallet or a merchant's available money: the parties say which, and of which kind
    TARGET = "target"
    WALLET = "wallet"
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
    source_id: AccountId | None = None
    source_kind: AccountKind = AccountKind.WALLET
    target_id: AccountId | None = None
    target_kind: AccountKind = AccountKind.WALLET
    receiver_id: str | None = None
    holds: Mapping[Role, StepKey] | None = None

    def kind(self, role: Role) -> AccountKind:
        """The kind of account that plays this part."""
        match role:
            case Role.SOURCE:
                return self.source_kind
            case Role.TARGET:
                return self.target_kind
            case Role.RECEIVER_PENDING:
                return AccountKind.MERCHANT_PENDING
            case _:
                return AccountKind(role.value)


def legs(step: Step, amounts: Mapping[str, int], parties: Parties) -> tuple[Leg, ...]:
    """The legs of a step for these amounts (minor units, ≥ 0; one left out is 0); those of zero are dropped.

    A part that pays nothing on balance needs no hold. ValueError for an amount that the step does not have, or a party
    or hold that a leg needs and that is missing.
    """
    if unknown := amounts.keys() - step.amounts:
        raise ValueError(f"the step {step.name} has no amount {sorted(unknown)}")
    holder = parties.funds_holder if amounts.get("channel_minor") else FundsHolder.PLATFORM
    rules = [rule for rule in step.legs if rule.only in {None, holder}]
    sums = [(rule, amount_minor) for rule in rules if (amount_minor := _sum(rule, amounts))]
    net: Counter[Role] = Counter()
    for rule, amount_minor in sums:
        net[rule.role] += amount_minor
    return tuple(_leg(rule, amount_minor, parties, _hold(rule, net[rule.role], parties)) for rule, amount_minor in sums)


def _sum(rule: LegRule, amounts: Mapping[str, int]) -> int:
    plus = sum(amounts.get(name, 0) for name in rule.plus)
    return plus - sum(amounts.get(name, 0) for name in rule.minus)


def _leg(rule: LegRule, amount_minor: int, parties: Parties, hold: StepKey | None) -> Leg:
    kind = parties.kind(rule.role)
    account_id, owner = _account(rule.role, parties)
    return Leg(
        account_id=account_id,
        account_kind=kind,
        owner=owner,
        merchant_id=owner if CHART[kind].owned_by is OwnedBy.MERCHANT else None,
        currency=parties.currency,
        amount_minor=amount_minor,
        kind=rule.kind,
        object_id=parties.object_id,
        hold=hold,
    )


def _account(role: Role, parties: Parties) -> tuple[AccountId, str | None]:
    """The account that plays the part, and its owner where a posting may open it."""
    match role:
        case Role.WALLET:
            return AccountId(_required(parties.wallet_id, role)), None
        case Role.SOURCE:
            return _named(_required(parties.source_id, role), parties.source_kind)
        case Role.TARGET:
            return _named(_required(parties.target_id, role), parties.target_kind)
        case _:
            owner = _owner(role, parties)
            return system_account_id(parties.kind(role), owner, parties.currency), owner


def _named(account_id: str, kind: AccountKind) -> tuple[AccountId, str | None]:
    """The account that a party names, and its owner, which a derived id contains."""
    owner = None if CHART[kind].owned_by is OwnedBy.HOLDER else owner_of(AccountId(account_id), kind)
    return AccountId(account_id), owner


def _owner(role: Role, parties: Parties) -> str:
    if role is Role.RECEIVER_PENDING:
        return _required(parties.receiver_id, role)
    match CHART[parties.kind(role)].owned_by:
        case OwnedBy.MERCHANT:
            return _required(parties.merchant_id, role)
        case OwnedBy.CHANNEL_ACCOUNT:
            return _required(parties.channel_account_id, role)
        case _:
            return PLATFORM


def _hold(rule: LegRule, net_minor: int, parties: Parties) -> StepKey | None:
    if rule.out_of is OutOf.BALANCE:
        return None
    key = (parties.holds or {}).get(rule.role)
    if key is None and rule.out_of is OutOf.HOLD and net_minor < 0:
        raise ValueError(f"{rule.role} pays out of a hold, and none was given")
    return key


def _required(party: str | None, role: Role) -> str:
    if party is None:
        raise ValueError(f"the step needs the party of {role}")
    return party
