"""A suspense item as operators and its merchant see it."""

from typing import Any

from pydantic import Field

from domain.money import Currency
from domain.objects import Minor, Moment, Shown
from domain.resources import Version
from domain.states import ItemState, RefundOrigin, Resolution


class SuspenseItemObject(Shown):
    """Money that came and cannot be placed; it is resolved whole."""

    id: str = Field(examples=["sus_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    merchant_id: str
    state: ItemState = Field(description="`ending` while a refund or payout takes it out.", examples=["open"])
    version: Version
    origin: RefundOrigin = Field(description="`mismatch`: paid wrongly; `bounce`: came back after it had left.")
    object_id: str = Field(description="The attempt's `out_no`, or the refund or payout that it is about.")
    out_no: str = Field(description="Our number at the channel.")
    channel_account_id: str = Field(description="Where the money lies.")
    amount_minor: Minor
    currency: Currency
    owner: str = Field(description="Who has to look at it.", examples=["operations"])
    reason: str
    evidence: dict[str, Any]
    resolution: Resolution | None = Field(None, description="How it ends; null while it is open.")
    resolution_id: str | None = Field(None, description="The refund, payout or transfer that takes it out.")
    created_at: Moment
    ended_at: Moment | None = None
