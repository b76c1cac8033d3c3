"""The merchant's side of a refund in the book: held at try, posted at confirm, let go at cancel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.unapplied import refund_hold_key
from domain.errors import AccountBlocked, AccountClosed, BalanceInsufficient, MerchantFundsInsufficient
from domain.ids import AccountId
from domain.money import Currency
from domain.states import RefundOrigin
from ledger import book, steps
from ledger.chart import AccountKind, system_account_id
from ledger.legs import StepKey
from store.refund_standing import RefundStanding

Row = dict[str, Any]

_COLUMNS = {
    AccountKind.MERCHANT_PENDING: "pending",
    AccountKind.MERCHANT_AVAILABLE: "available",
    AccountKind.MERCHANT_DEBT: "debt",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a merchant gives for a refund, in minor units: what it has left of the payment, and how deep it may owe."""

    refund_id: str
    merchant_id: str
    currency: Currency
    net_minor: int
    unsettled_minor: int
    debt_limit_minor: int


@dataclass(frozen=True, kw_only=True)
class Held:
    """What was held by kind of account, and the steps of those holds: columns of the refund."""

    pending_minor: int = 0
    available_minor: int = 0
    debt_minor: int = 0
    holds: Mapping[str, str] = field(default_factory=dict)


def unsettled_minor(standing: RefundStanding) -> int:
    """What of the payment's own money is still in the merchant's pending account; what is settled comes off here."""
    payment = standing.payment
    ours_minor = payment.balance_minor + payment.coupon_minor
    if not payment.held_by_merchant:
        ours_minor += payment.channel_minor - payment.fee_minor
    return max(ours_minor - standing.pending_taken_minor, 0)


async def hold_merchant_money(session: AsyncSession, wanted: Wanted) -> Held:
    """The net amount is held: of the payment's own share, the available money, other pending, then debt.

    MerchantFundsInsufficient when all that does not cover it. Nothing is held when the fee that returns covers it.
    """
    if wanted.net_minor <= 0:
        return Held()
    request = book.HoldFromRequest(
        merchant_id=wanted.merchant_id,
        amount_minor=wanted.net_minor,
        currency=wanted.currency,
        sources=_sources(wanted),
        reason="refund",
    )
    try:
        parts = await book.hold_from(session, refund_hold_key(wanted.refund_id), request)
    except (BalanceInsufficient, AccountBlocked, AccountClosed) as refused:
        raise MerchantFundsInsufficient(refused.detail) from refused
    kinds = {_account(wanted, kind): kind for kind in _COLUMNS}
    amounts = {f"{_COLUMNS[kinds[part.account_id]]}_minor": part.amount_minor for part in parts}
    return Held(**amounts, holds={kinds[part.account_id]: part.key.step for part in parts})


def _sources(wanted: Wanted) -> tuple[book.Source, ...]:
    pending_id = _account(wanted, AccountKind.MERCHANT_PENDING)
    own_share = book.Source(account_id=pending_id, at_most_minor=wanted.unsettled_minor)
    available = book.Source(account_id=_account(wanted, AccountKind.MERCHANT_AVAILABLE))
    others = book.Source(account_id=pending_id)
    if not wanted.debt_limit_minor:
        return own_share, available, others
    debt = book.Source(
        account_id=_account(wanted, AccountKind.MERCHANT_DEBT),
        account_kind=AccountKind.MERCHANT_DEBT,
        owner=wanted.merchant_id,
        merchant_id=wanted.merchant_id,
        credit_minor=wanted.debt_limit_minor,
    )
    return own_share, available, others, debt


def _account(wanted: Wanted, kind: AccountKind) -> AccountId:
    return system_account_id(kind, wanted.merchant_id, wanted.currency)


async def post_refund(session: AsyncSession, row: Row) -> None:
    """The refund is in the book, out of what was held; a repeat changes nothing."""
    await _post(session, row, step=steps.REFUND, amounts=refund_amounts(row))


def refund_amounts(row: Row) -> dict[str, int]:
    """The amounts of the step, gross, so that gross less fee is exactly what each account holds.

    The returning fee goes where the first part was held, or against what a merchant owes us who holds the money.
    """
    theirs = row["held_by_merchant"]
    gross_minor = row["balance_minor"] + row["coupon_minor"] + (0 if theirs else row["channel_minor"])
    held = {name: row[f"{name}_minor"] for name in _COLUMNS.values()}
    first = next((name for name, held_minor in held.items() if held_minor), "pending")
    fee_at = "direct" if theirs else first
    return {
        **{f"{name}_minor": held_minor for name, held_minor in held.items()},
        f"{first}_minor": gross_minor - sum(held_minor for name, held_minor in held.items() if name != first),
        "direct_minor": row["direct_minor"],
        f"{fee_at}_fee_minor": row["fee_minor"],
        **{name: row[name] for name in ("channel_minor", "balance_minor", "coupon_minor")},
    }


async def post_unapplied_refund(session: AsyncSession, row: Row) -> None:
    """Out of `unapplied` (by its hold) or `suspense`, back to the channel's clearing."""
    step = steps.REFUND_UNAPPLIED if row["suspense_item_id"] is None else steps.REFUND_SUSPENSE
    await _post(session, row, step=step, amounts={"refund_minor": row["amount_minor"]})


async def post_bounce(session: AsyncSession, row: Row, bounced_at: datetime) -> None:
    """What the channel gave back lies in its clearing again, and in `suspense` until somebody says whose it is."""
    amounts = {"refund_minor": row["channel_minor"]}
    await _post(session, row | {"succeeded_at": bounced_at}, step=steps.REFUND_BOUNCED, amounts=amounts)


async def release_merchant_money(session: AsyncSession, row: Row) -> None:
    """What was held for it is free again."""
    if row["holds"]:
        await book.release(session, refund_hold_key(row["id"]))


async def _post(session: AsyncSession, row: Row, *, step: steps.Step, amounts: Mapping[str, int]) -> None:
    wallet_id = row["to_account_id"]
    parties = steps.Parties(
        currency=Currency(row["currency"]),
        object_id=row["id"],
        merchant_id=row["merchant_id"],
        channel_account_id=row["channel_account_id"],
        wallet_id=None if wallet_id is None else AccountId(wallet_id),
        holds=_holds(row),
    )
    request = book.PostRequest(
        merchant_id=row["merchant_id"],
        event_at=row["succeeded_at"] or row["read_at"],
        legs=steps.legs(step, amounts, parties),
        memo=row["reason"],
    )
    await book.post(session, StepKey(biz_type="refund", biz_id=row["id"], step=step.name), request)


def _holds(row: Row) -> dict[steps.Role, StepKey]:
    first = refund_hold_key(row["id"])
    if row["origin"] != RefundOrigin.MERCHANT:
        return {steps.Role.UNAPPLIED: first}
    return {steps.Role(kind): first.model_copy(update={"step": step}) for kind, step in (row["holds"] or {}).items()}
