"""Payouts and transfers as the API and events show them: of a payee only what is masked (law 14)."""

from typing import Any

from pydantic import Field

from domain.errors import BY_CODE
from domain.money import Currency
from domain.objects import Attention, Failure, Minor, Moment, Rows, Shown
from domain.resources import Metadata, Version
from domain.states import Approval, Certainty, PayoutState, TransferState


class PayeeObject(Shown):
    """Whom a payout reaches: the last four characters of a long account, and no name."""

    channel: str = Field(examples=["sim"])
    account: str = Field(description="Masked.", examples=["****6789"])


class ApprovalObject(Shown):
    """A second pair of eyes: what was decided, or until when somebody may."""

    state: Approval
    expires_at: Moment
    reason: str | None = None
    decided_at: Moment | None = None


class PayoutObject(Shown):
    """Money from an account to the outside; the payee gets `net_minor`."""

    id: str = Field(examples=["pyo_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    merchant_id: str
    payout_no: str = Field(description="The business's number.", examples=["payout-7"])
    state: PayoutState = Field(examples=["succeeded"])
    version: Version
    account_id: str | None = Field(description="Where the money comes from; null when out of a suspense item.")
    suspense_item_id: str | None = None
    amount_minor: Minor
    fee_minor: Minor
    net_minor: Minor = Field(description="What the payee gets: amount − fee.")
    currency: Currency
    channel: str = Field(examples=["sim"])
    destination: PayeeObject
    out_no: str = Field(description="Our number at the channel.")
    channel_no: str | None = Field(None, description="The channel's number.")
    approval: ApprovalObject | None = None
    failure: Failure | None = None
    certainty: Certainty
    next_check_at: Moment | None = None
    needs_attention: bool
    attention: Attention | None = None
    succeeded_at: Moment | None = None
    returned_at: Moment | None = None
    metadata: Metadata = {}
    created_at: Moment


class TransferObject(Shown):
    """Money from one account to another; the sender pays the fee on top."""

    id: str = Field(examples=["trf_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    merchant_id: str
    transfer_no: str = Field(description="The business's number.", examples=["transfer-7"])
    state: TransferState = Field(examples=["succeeded"])
    version: Version
    from_account_id: str
    to_account_id: str
    suspense_item_id: str | None = Field(None, description="The item that it ended, where it came out of one.")
    amount_minor: Minor
    fee_minor: Minor
    currency: Currency
    memo: str | None = None
    succeeded_at: Moment | None = None
    metadata: Metadata = {}
    created_at: Moment


def render_payout(snapshot: Rows) -> PayoutObject:
    """The object of `{"payout": row}`, whose destination is masked already."""
    row: Rows = snapshot["payout"]
    derived = {
        "net_minor": row["amount_minor"] - row["fee_minor"],
        "approval": _approval(row),
        "failure": _failure(row),
        "attention": _attention(row),
    }
    return PayoutObject.model_validate(row | derived)


def render_transfer(snapshot: Rows) -> TransferObject:
    """The object of `{"transfer": row}`."""
    return TransferObject.model_validate(snapshot["transfer"])


def _approval(row: Rows) -> Rows | None:
    if row["approval"] is None:
        return None
    return {
        "state": row["approval"],
        "expires_at": row["approval_expires_at"],
        "reason": row["approval_reason"],
        "decided_at": row["decided_at"],
    }


def _failure(row: Rows) -> Rows | None:
    code: Any = row["failure_code"]
    if code is None:
        return None
    title = BY_CODE[code].title if code in BY_CODE else code
    return {"code": code, "detail": row["failure_detail"] or title}


def _attention(row: Rows) -> Rows | None:
    if not row["needs_attention"]:
        return None
    return {"reason": row["attention_reason"], "owner": row["attention_owner"]}
