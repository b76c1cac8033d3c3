"""The row of a new payment or top-up: amounts recomputed, terms snapshotted, limits counted; a refusal stands on it."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import AccountClosed, AmountMismatch, BusinessError, ChannelNotConfigured
from domain.fees import FeeRule
from domain.ids import AccountId
from domain.orders import PaymentOrder
from domain.rules import BALANCE, OperationRule
from domain.states import FundsHolder, Operation
from ledger.accounts import read_account
from store.payments import lock_closing
from store.rules import Admission, admit

_NO_FEE = {"fee_rate_bps": 0, "fee_fixed_minor": 0, "fee_cap_minor": None, "fee_minor": 0}
_NOT_IN_ROW = {"lines", "payer", "expires_in_s", "channel"}


async def opening_row(
    session: AsyncSession, payment_id: str, order: PaymentOrder, request: dict[str, Any]
) -> dict[str, Any]:
    """The columns of a new payment; what refuses it stands there as its failure, and it has no fee."""
    row = order.model_dump(mode="json", exclude=_NOT_IN_ROW) | {
        "id": payment_id,
        "merchant_id": request["merchant_id"],
        "channel_minor": order.channel_minor,
        "channel": request["channel"],
        "funds_holder": request["funds_holder"],
        "payer": order.payer.model_dump(exclude_none=True),
        "payer_account_id": order.payer.account_id,
        "has_lines": bool(order.lines),
        "expires_at": (request["read_at"] + timedelta(seconds=order.expires_in_s)).isoformat(),
    }
    try:
        _require_sound(order, request)
        return row | await _terms(session, payment_id, order, request)
    except BusinessError as refusal:
        return row | _NO_FEE | {"failure_code": refusal.code, "failure_detail": refusal.detail}


def line_row(payment_id: str, number: int, order: PaymentOrder) -> dict[str, Any]:
    """The columns of one line; lines count from 1."""
    return {"payment_id": payment_id, "line_no": number + 1, **order.lines[number].model_dump()}


def _require_sound(order: PaymentOrder, request: dict[str, Any]) -> None:
    if not order.adds_up():
        raise AmountMismatch("the parts do not add up to the amount")
    if order.channel_minor and request["channel"] is None:
        raise ChannelNotConfigured("the channel account is gone or disabled")
    if order.to_account_id is not None and request["funds_holder"] != FundsHolder.PLATFORM:
        raise ChannelNotConfigured("that account's money does not reach us, so it fills no wallet of ours")


async def _terms(
    session: AsyncSession, payment_id: str, order: PaymentOrder, request: dict[str, Any]
) -> dict[str, Any]:
    """The fee rule as it is now, and the fee: a payment's is the channel account's, a top-up's the merchant's rule's.

    FeeAboveAmount, AccountClosed, or what the merchant's rule refuses.
    """
    if order.to_account_id is not None:
        await _require_open(session, AccountId(order.to_account_id))
    rule = await _admitted(session, payment_id, order, request)
    fee = _channel_fee(request) if order.to_account_id is None else rule.fee
    return {
        "fee_rate_bps": fee.rate_bps,
        "fee_fixed_minor": fee.fixed_minor,
        "fee_cap_minor": fee.cap_minor,
        "fee_minor": fee.fee_minor(order.amount_minor),
    }


async def _require_open(session: AsyncSession, account_id: AccountId) -> None:
    """The wallet is open, and stays so until the top-up's row stands in the way of closing it."""
    await lock_closing(session, account_id)
    if (await read_account(session, account_id)).closed_at is not None:
        raise AccountClosed


async def _admitted(
    session: AsyncSession, payment_id: str, order: PaymentOrder, request: dict[str, Any]
) -> OperationRule:
    """The merchant's rule, under which the amount is counted; without one nothing is asked."""
    if not request["ruled"]:
        return OperationRule()
    tools = [request["channel"]] if order.channel_minor else []
    wanted = Admission(
        object_id=payment_id,
        merchant_id=request["merchant_id"],
        operation=Operation(order.purpose),
        currency=order.currency,
        amount_minor=order.amount_minor,
        account_id=order.to_account_id or order.payer.account_id,
        tools=(*tools, BALANCE) if order.balance_minor else tuple(tools),
    )
    return await admit(session, wanted)


def _channel_fee(request: dict[str, Any]) -> FeeRule:
    return FeeRule(
        rate_bps=request["fee_rate_bps"] or 0,
        fixed_minor=request["fee_fixed_minor"] or 0,
        cap_minor=request["fee_cap_minor"],
    )
