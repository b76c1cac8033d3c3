"""The try of a refund that a business asked for: its part of payment, limits and stock, and the merchant's money."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.refund_item import try_refund_of_item
from activities.refund_lines import chosen_lines
from activities.refund_money import Wanted, hold_merchant_money, unsettled_minor
from domain.errors import AccountClosed, CurrencyMismatch, NotFound, PaymentNotRefundable, RefundAboveRefundable
from domain.ids import AccountId, new_out_no
from domain.outgoing import RefundView
from domain.refund_request import RefundRequest
from domain.refund_shares import Paid, Shares, next_shares, returnable_fee_minor
from domain.rules import BALANCE, OperationRule
from domain.states import Approval, LegState, Operation, PaymentState, Purpose, RefundOrigin
from ledger.accounts import read_account
from store import refunds
from store.clock import database_now
from store.operations import KeptRequest, kept_request
from store.payments import lock_closing
from store.refund_standing import PaidPayment, RefundStanding, lock_payment
from store.rules import Admission, admit


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What was asked, and what it meets."""

    refund_id: str
    kept: KeptRequest
    request: RefundRequest
    standing: RefundStanding

    @property
    def payment(self) -> PaidPayment:
        return self.standing.payment


async def try_refund(session: AsyncSession, refund_id: str) -> RefundView:
    """The refund exists, its part of payment, limits and stock is counted, and the merchant's money is held.

    A repeat answers it as it is. NotFound, PaymentNotRefundable, CurrencyMismatch, RefundAboveRefundable,
    InvalidRequest (lines), AccountClosed (the payer's wallet), MerchantFundsInsufficient, and whatever the merchant's
    rule refuses: the caller's transaction is undone, and nothing remains. One out of suspense has a try of its own.
    """
    kept = await kept_request(session, refund_id)
    if "suspense_item_id" in kept.body:
        return await try_refund_of_item(session, refund_id, kept)
    asked = await _ask(session, refund_id, kept)
    if known := await refunds.find(session, refund_id):
        return known
    _require_refundable(asked.payment, asked.request)
    lines = chosen_lines(asked.standing.lines, asked.request.lines)
    shares = next_shares(_paid(asked.payment), Shares(**asked.standing.given.model_dump()), asked.request.amount_minor)
    await _require_open_wallet(session, asked.payment, shares)
    rule = await _admit(session, asked)
    held = await hold_merchant_money(session, _wanted(asked, shares, rule))
    columns = {**_shown(asked), **_leg(asked.standing, shares), **_parts(asked.payment, shares), **vars(held)}
    approval = await _approval(session, rule, asked.request)
    row = refunds.NewRefund.model_validate(columns | {"lines": lines or None} | approval)
    return await refunds.open_refund(session, row)


async def _ask(session: AsyncSession, refund_id: str, kept: KeptRequest) -> _Asked:
    """The payment is locked; NotFound for another merchant's."""
    request = RefundRequest.model_validate(kept.body)
    standing = await lock_payment(session, request.payment_id)
    if standing is None or standing.payment.merchant_id != kept.merchant_id:
        raise NotFound("there is no such payment")
    return _Asked(refund_id=refund_id, kept=kept, request=request, standing=standing)


def _require_refundable(payment: PaidPayment, request: RefundRequest) -> None:
    if payment.purpose is not Purpose.PAYMENT:
        raise PaymentNotRefundable("a top-up is not refunded: pay it out of the wallet")
    if payment.state is not PaymentState.SUCCEEDED:
        raise PaymentNotRefundable(f"the payment is {payment.state}")
    if request.currency not in {None, payment.currency}:
        raise CurrencyMismatch(f"the payment is in {payment.currency}")
    if request.amount_minor > payment.refundable_minor:
        raise RefundAboveRefundable(f"{payment.refundable_minor} is left")


async def _admit(session: AsyncSession, asked: _Asked) -> OperationRule:
    standing = asked.standing
    tools = [standing.attempt.channel] if standing.attempt else []
    wanted = Admission(
        object_id=asked.refund_id,
        merchant_id=asked.payment.merchant_id,
        operation=Operation.REFUND,
        currency=asked.payment.currency,
        amount_minor=asked.request.amount_minor,
        tools=(*tools, BALANCE) if asked.payment.balance_minor else tuple(tools),
    )
    return await admit(session, wanted)


def _paid(payment: PaidPayment) -> Paid:
    return Paid(
        paid_minor=payment.captured_minor,
        balance_minor=payment.balance_minor,
        coupon_minor=payment.coupon_minor,
        fee_minor=returnable_fee_minor(payment.fee_minor, payment.fee_fixed_minor),
    )


async def _require_open_wallet(session: AsyncSession, payment: PaidPayment, shares: Shares) -> None:
    """It is open, and stays so until the refund's row stands in the way of closing it."""
    if not shares.balance_minor or payment.payer_account_id is None:
        return
    await lock_closing(session, payment.payer_account_id)
    wallet = await read_account(session, AccountId(payment.payer_account_id))
    if wallet.closed_at is not None:
        raise AccountClosed("the payer's wallet, where the balance part came from, is closed")


def _wanted(asked: _Asked, shares: Shares, rule: OperationRule) -> Wanted:
    """What the merchant gives: all that goes back, less its fee; what it holds itself goes back at the channel."""
    given_minor = shares.balance_minor + shares.coupon_minor
    if not asked.payment.held_by_merchant:
        given_minor += shares.channel_minor - shares.fee_minor
    return Wanted(
        refund_id=asked.refund_id,
        merchant_id=asked.payment.merchant_id,
        currency=asked.payment.currency,
        net_minor=given_minor,
        unsettled_minor=unsettled_minor(asked.standing),
        debt_limit_minor=rule.debt_limit_minor,
    )


def _shown(asked: _Asked) -> dict[str, Any]:
    return {
        "id": asked.refund_id,
        "merchant_id": asked.payment.merchant_id,
        "payment_id": asked.payment.id,
        "refund_no": asked.kept.number,
        "origin": RefundOrigin.MERCHANT,
        "currency": asked.payment.currency,
        "reason": asked.request.reason,
        "metadata": asked.request.metadata,
    }


def _leg(standing: RefundStanding, shares: Shares) -> dict[str, Any]:
    """The channel's number is made here, once, and kept by the row; without a channel part there is no leg."""
    attempt = standing.attempt
    return {
        "out_no": attempt and attempt.out_no,
        "out_refund_no": new_out_no(),
        "channel": attempt and attempt.channel,
        "channel_account_id": attempt and attempt.channel_account_id,
        "leg_state": LegState.INTENT if shares.channel_minor else LegState.NONE,
    }


def _parts(payment: PaidPayment, shares: Shares) -> dict[str, Any]:
    return {
        "amount_minor": shares.amount_minor,
        "channel_minor": shares.channel_minor,
        "balance_minor": shares.balance_minor,
        "coupon_minor": shares.coupon_minor,
        "fee_minor": shares.fee_minor,
        "direct_minor": shares.channel_minor if payment.held_by_merchant else 0,
        "to_account_id": payment.payer_account_id if shares.balance_minor else None,
    }


async def _approval(session: AsyncSession, rule: OperationRule, request: RefundRequest) -> dict[str, Any]:
    if rule.approval_above_minor is None or request.amount_minor <= rule.approval_above_minor:
        return {}
    expires_at = await database_now(session) + timedelta(seconds=rule.approval_expires_in_s)
    return {"approval": Approval.AWAITED, "approval_expires_at": expires_at}
