"""The objects of the `sim` channel, and what they mean in our words."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, StrictInt

from channels.answers import (
    AnswerState,
    NoAction,
    OrderAnswer,
    PayAction,
    QrAction,
    RedirectAction,
    RefundAnswer,
    RefundAnswerState,
    TransferAnswer,
    TransferAnswerState,
)
from channels.evidence import Evidence
from domain.money import Currency, NonNegativeMinor


class OrderState(StrEnum):
    """The channel's words for an order."""

    WAITING = "waiting"
    PAID = "paid"
    CLOSED = "closed"
    DECLINED = "declined"


class RefundState(StrEnum):
    """The channel's words for a refund."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    BOUNCED = "bounced"
    FAILED = "failed"


class TransferState(StrEnum):
    """The channel's words for a transfer."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    RETURNED = "returned"
    FAILED = "failed"


class Received(BaseModel):
    """A part of an answer; fields that the channel may add are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class SimOrder(Received):
    """The channel's order object."""

    out_no: str
    channel_no: str
    state: OrderState
    amount_minor: StrictInt
    paid_amount_minor: StrictInt | None
    currency: Currency
    expire_at: AwareDatetime
    paid_at: AwareDatetime | None
    qr_text: str | None = None
    url: str | None = None


class SimRefund(Received):
    """The channel's refund object."""

    out_refund_no: str
    channel_refund_no: str
    out_no: str
    state: RefundState
    amount_minor: NonNegativeMinor
    currency: Currency
    succeeded_at: AwareDatetime | None
    bounced_at: AwareDatetime | None = None
    fail_code: str | None


class SimTransfer(Received):
    """The channel's transfer object."""

    out_transfer_no: str
    channel_transfer_no: str
    state: TransferState
    amount_minor: NonNegativeMinor
    currency: Currency
    succeeded_at: AwareDatetime | None
    returned_at: AwareDatetime | None
    fail_code: str | None


class SimBalance(Received):
    """The merchant's balance at the channel."""

    currency: Currency
    available_minor: StrictInt


class SimError(Received):
    """The channel's refusal."""

    code: str


def order_answer(order: SimOrder, evidence: Evidence) -> OrderAnswer:
    """The order in our words; ValidationError when it is paid and states no amount."""
    return OrderAnswer(
        state=AnswerState(order.state.value),
        evidence=evidence,
        channel_no=order.channel_no,
        paid_amount_minor=order.paid_amount_minor,
        currency=order.currency,
        paid_at=order.paid_at,
        pay=_pay_action(order) if order.state is OrderState.WAITING else None,
        code="DECLINED" if order.state is OrderState.DECLINED else None,
    )


def refund_answer(refund: SimRefund, evidence: Evidence) -> RefundAnswer:
    """The refund in our words."""
    return RefundAnswer(
        state=RefundAnswerState(refund.state.value),
        evidence=evidence,
        channel_refund_no=refund.channel_refund_no,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        succeeded_at=refund.succeeded_at,
        bounced_at=refund.bounced_at,
        code=refund.fail_code,
    )


def transfer_answer(transfer: SimTransfer, evidence: Evidence) -> TransferAnswer:
    """The transfer in our words."""
    return TransferAnswer(
        state=TransferAnswerState(transfer.state.value),
        evidence=evidence,
        channel_transfer_no=transfer.channel_transfer_no,
        amount_minor=transfer.amount_minor,
        currency=transfer.currency,
        succeeded_at=transfer.succeeded_at,
        returned_at=transfer.returned_at,
        code=transfer.fail_code,
    )


def _pay_action(order: SimOrder) -> PayAction:
    if order.qr_text is not None:
        return QrAction(qr_text=order.qr_text, expires_at=order.expire_at)
    if order.url is not None:
        return RedirectAction(url=order.url, expires_at=order.expire_at)
    return NoAction(expires_at=order.expire_at)
