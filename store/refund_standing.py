"""What a refund's try reads, once the payment's row is its own: how the payment was paid, and what was given back."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.money import Currency
from domain.states import FundsHolder, PaymentState, Purpose

_STANDING = text("SELECT refund_standing(:payment_id)")


class _Row(BaseModel):
    """Some columns of a row."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class PaidPayment(_Row):
    """A payment as a refund needs it, amounts in minor units."""

    id: str
    merchant_id: str
    purpose: Purpose
    state: PaymentState
    currency: Currency
    balance_minor: int
    channel_minor: int
    coupon_minor: int
    fee_minor: int
    fee_fixed_minor: int
    captured_minor: int
    refunded_minor: int
    refunding_minor: int
    payer_account_id: str | None
    funds_holder: FundsHolder | None
    paid_at: datetime | None

    @property
    def refundable_minor(self) -> int:
        """What is left of it, refunds under way counted."""
        return self.captured_minor - self.refunded_minor - self.refunding_minor

    @property
    def held_by_merchant(self) -> bool:
        """True when the channel's money reached the merchant itself."""
        return self.channel_minor > 0 and self.funds_holder is FundsHolder.MERCHANT


class PaidAttempt(_Row):
    """The attempt that the payment was paid by."""

    out_no: str
    channel: str
    channel_account_id: str


class Given(_Row):
    """The sums of the refunds that the business asked for and that did not fail."""

    amount_minor: int
    balance_minor: int
    coupon_minor: int
    fee_minor: int


class BoughtLine(_Row):
    """A line of the payment that was taken out of stock, and how many of it went back or are going back."""

    line_no: int
    sku: str
    warehouse: str
    quantity: int
    restocked: int

    @property
    def left(self) -> int:
        """How many may still come back."""
        return self.quantity - self.restocked


class RefundStanding(_Row):
    """`pending_taken_minor` is what those refunds took out of the merchant's pending money."""

    payment: PaidPayment
    attempt: PaidAttempt | None
    given: Given
    pending_taken_minor: int
    lines: tuple[BoughtLine, ...]


async def lock_payment(session: AsyncSession, payment_id: str) -> RefundStanding | None:
    """The payment, locked until the transaction ends, and what its refunds took; None when there is none."""
    found: dict[str, Any] | None = await session.scalar(_STANDING, {"payment_id": payment_id})
    return None if found is None else RefundStanding.model_validate(found)
