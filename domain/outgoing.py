"""What workflows, activities and the API say about money that leaves: refunds, payouts, transfers (law 14)."""

from datetime import datetime

from domain.orders import Frozen
from domain.states import (
    Approval,
    Certainty,
    LegState,
    PayoutState,
    RefundOrigin,
    RefundState,
    TransferState,
)


class OperationAnswer(Frozen):
    """What `accepted` answers: the object exists, or it was refused and never will; the API renders from rows."""

    object_id: str
    refused_code: str | None = None
    refused_detail: str = ""


class ApprovalCommand(Frozen):
    """Somebody's decision, or the end of the wait for one; a rejection has its reason."""

    object_id: str
    decision: Approval
    reason: str | None = None


class FlagCommand(Frozen):
    """A refund or payout that a person must look at, and why."""

    object_id: str
    reason: str


class LegView(Frozen):
    """What the legs of refunds and payouts have in common, as their workflows need it."""

    merchant_id: str
    channel: str | None
    leg_state: LegState
    amount_minor: int
    currency: str
    certainty: Certainty = Certainty.SURE
    checks: int = 0
    next_check_at: datetime | None = None
    needs_attention: bool = False
    failure_code: str | None = None
    approval: Approval | None = None
    approval_expires_at: datetime | None = None


class RefundCommand(Frozen):
    """The refund workflow's input; everything else is read from rows."""

    refund_id: str
    merchant_id: str


class RefundView(LegView):
    """A refund as its workflow needs it: the answer of every step that reads or moves it."""

    refund_id: str
    payment_id: str
    origin: RefundOrigin
    out_refund_no: str
    state: RefundState


class PayoutCommand(Frozen):
    """The payout workflow's input; everything else is read from rows."""

    payout_id: str
    merchant_id: str


class PayoutView(LegView):
    """A payout as its workflow needs it: the answer of every step that reads or moves it."""

    payout_id: str
    out_no: str
    state: PayoutState


class TransferCommand(Frozen):
    """The transfer workflow's input."""

    transfer_id: str
    merchant_id: str


class TransferView(Frozen):
    """A transfer as its workflow needs it."""

    transfer_id: str
    state: TransferState
