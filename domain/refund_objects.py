"""The refund as the business sees it, made from its row; answers and events show this same object."""

from typing import Any

from pydantic import Field

from domain.money import Currency
from domain.objects import Attention, Failure, Minor, Moment, Shown
from domain.states import Approval, Certainty, RefundOrigin, RefundState


class RestockedLine(Shown):
    """What of one line of the payment goes back into stock when the refund succeeds."""

    line_no: int = Field(examples=[1])
    sku: str = Field(examples=["tea"])
    warehouse: str = Field(examples=["main"])
    quantity: int = Field(examples=[1])


class RefundObject(Shown):
    """Captured money given back: `amount_minor = channel_minor + balance_minor` goes to the payer."""

    id: str = Field(examples=["ref_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    merchant_id: str
    payment_id: str
    refund_no: str | None = Field(description="The business's number; absent where we gave money back unasked.")
    origin: RefundOrigin
    state: RefundState
    version: int = Field(description="Grows by one at each change.", examples=[1])
    amount_minor: Minor
    currency: Currency
    channel_minor: Minor = Field(description="What goes back by the channel.")
    balance_minor: Minor = Field(0, description="What goes back to the payer's wallet.")
    coupon_minor: Minor = Field(0, description="What goes back to whoever paid the coupon.")
    fee_minor: Minor = Field(0, description="What of the fee goes back to the merchant.")
    debt_minor: Minor = Field(0, description="What the merchant owes us for it.")
    reason: str
    lines: list[RestockedLine] | None = None
    suspense_item_id: str | None = Field(None, description="The item that it takes out of suspense.")
    channel: str | None = None
    out_no: str | None = Field(None, description="Our number of the attempt that was paid.")
    out_refund_no: str
    channel_refund_no: str | None
    approval: Approval | None = Field(None, description="Absent where nobody has to approve it.")
    approval_expires_at: Moment | None = None
    approval_reason: str | None = None
    failure: Failure | None = None
    certainty: Certainty
    next_check_at: Moment | None = None
    needs_attention: bool
    attention: Attention | None = None
    succeeded_at: Moment | None = None
    bounced_at: Moment | None = Field(None, description="When the payer's bank sent it back.")
    metadata: dict[str, Any] = {}
    created_at: Moment


def render_refund(row: dict[str, Any]) -> RefundObject:
    """The object of a refund's row."""
    code = row["failure_code"]
    failure = None if code is None else {"code": code, "detail": row["failure_detail"] or code}
    attention = {"reason": row["attention_reason"], "owner": row["attention_owner"]} if row["needs_attention"] else None
    return RefundObject.model_validate(row | {"failure": failure, "attention": attention})
