"""The chart of accounts: which kinds exist, how each changes, whom it belongs to, and what its id is."""

from dataclasses import dataclass
from enum import StrEnum

from domain.ids import AccountId
from domain.money import Currency


class AccountClass(StrEnum):
    """How an account changes when something is posted to it."""

    STRICT = "strict"  # in place, guarded both ways
    DEFERRED = "deferred"  # credits through the inbox, debits guarded, folding on demand
    OPEN = "open"  # appended in both directions, no guard, never locked by a payment


class OwnedBy(StrEnum):
    """Whose name an account of this kind carries as its owner."""

    HOLDER = "holder"  # whoever the merchant names: a payer, a member
    MERCHANT = "merchant"
    CHANNEL_ACCOUNT = "channel_account"
    PLATFORM = "platform"


class AccountKind(StrEnum):
    """What an account is for."""

    WALLET = "wallet"
    MERCHANT_AVAILABLE = "merchant_available"
    MERCHANT_RESERVE = "merchant_reserve"
    UNAPPLIED = "unapplied"
    MERCHANT_PENDING = "merchant_pending"
    CHANNEL_CLEARING = "channel_clearing"
    BANK = "bank"
    MERCHANT_DIRECT = "merchant_direct"
    MERCHANT_FEE_RECEIVABLE = "merchant_fee_receivable"
    MERCHANT_DEBT = "merchant_debt"
    PAYOUT_IN_TRANSIT = "payout_in_transit"
    PLATFORM_FEE = "platform_fee"
    CHANNEL_FEE = "channel_fee"
    CHANNEL_DISCOUNT = "channel_discount"
    COUPON_COST = "coupon_cost"
    FEE_DIFFERENCE = "fee_difference"
    SUSPENSE = "suspense"
    LOSS = "loss"
    OPENING = "opening"


@dataclass(frozen=True)
class ChartRow:
    """One kind: its class, its owner, and the sign that its balance normally has (0: either)."""

    kind: AccountKind
    account_class: AccountClass
    owned_by: OwnedBy
    normal_sign: int


_ROWS = (
    ChartRow(AccountKind.WALLET, AccountClass.STRICT, OwnedBy.HOLDER, 1),
    ChartRow(AccountKind.MERCHANT_AVAILABLE, AccountClass.STRICT, OwnedBy.MERCHANT, 1),
    ChartRow(AccountKind.MERCHANT_RESERVE, AccountClass.STRICT, OwnedBy.MERCHANT, 1),
    ChartRow(AccountKind.UNAPPLIED, AccountClass.STRICT, OwnedBy.CHANNEL_ACCOUNT, 1),
    ChartRow(AccountKind.MERCHANT_PENDING, AccountClass.DEFERRED, OwnedBy.MERCHANT, 1),
    ChartRow(AccountKind.CHANNEL_CLEARING, AccountClass.OPEN, OwnedBy.CHANNEL_ACCOUNT, -1),
    ChartRow(AccountKind.BANK, AccountClass.OPEN, OwnedBy.PLATFORM, -1),
    ChartRow(AccountKind.MERCHANT_DIRECT, AccountClass.OPEN, OwnedBy.MERCHANT, 1),
    ChartRow(AccountKind.MERCHANT_FEE_RECEIVABLE, AccountClass.OPEN, OwnedBy.MERCHANT, -1),
    ChartRow(AccountKind.MERCHANT_DEBT, AccountClass.OPEN, OwnedBy.MERCHANT, -1),
    ChartRow(AccountKind.PAYOUT_IN_TRANSIT, AccountClass.OPEN, OwnedBy.MERCHANT, 1),
    ChartRow(AccountKind.PLATFORM_FEE, AccountClass.OPEN, OwnedBy.PLATFORM, 1),
    ChartRow(AccountKind.CHANNEL_FEE, AccountClass.OPEN, OwnedBy.CHANNEL_ACCOUNT, -1),
    ChartRow(AccountKind.CHANNEL_DISCOUNT, AccountClass.OPEN, OwnedBy.CHANNEL_ACCOUNT, -1),
    ChartRow(AccountKind.COUPON_COST, AccountClass.OPEN, OwnedBy.PLATFORM, -1),
    ChartRow(AccountKind.FEE_DIFFERENCE, AccountClass.OPEN, OwnedBy.CHANNEL_ACCOUNT, 0),
    ChartRow(AccountKind.SUSPENSE, AccountClass.OPEN, OwnedBy.CHANNEL_ACCOUNT, 0),
    ChartRow(AccountKind.LOSS, AccountClass.OPEN, OwnedBy.PLATFORM, -1),
    ChartRow(AccountKind.OPENING, AccountClass.OPEN, OwnedBy.PLATFORM, 0),
)

#: Every kind and its row; the same rows stand in the database, in `ledger_chart`.
CHART: dict[AccountKind, ChartRow] = {row.kind: row for row in _ROWS}

#: The owner of the accounts that are nobody else's.
PLATFORM = "platform"


def system_account_id(kind: AccountKind, owner: str, currency: Currency) -> AccountId:
    """The id of the only account of that kind, owner and currency; a wallet has an id of its own instead."""
    if CHART[kind].owned_by is OwnedBy.HOLDER:
        raise ValueError(f"a {kind} has no derived id")
    return AccountId(f"{kind}:{owner}:{currency}")


def owner_of(account_id: AccountId, kind: AccountKind) -> str:
    """The owner that the id of an account of that kind contains; ValueError for an id of another kind."""
    prefix = f"{kind}:"
    if not account_id.startswith(prefix):
        raise ValueError(f"{account_id} is no id of a {kind}")
    return account_id.removeprefix(prefix).rpartition(":")[0]
