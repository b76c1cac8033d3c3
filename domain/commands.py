"""What workflows, activities and the API say to each other: class, ids and amounts, nothing secret (law 14)."""

from datetime import datetime
from enum import StrEnum

from pydantic import AliasChoices, Field

from domain.orders import Frozen
from domain.states import (
    AttemptState,
    Certainty,
    CloseProof,
    CloseReason,
    Invoke,
    PaymentState,
    Purpose,
)


class PaymentCommand(Frozen):
    """The payment workflow's input; everything else is read from rows, so that it can be started again (law 11)."""

    payment_id: str
    merchant_id: str


class PaymentAnswer(Frozen):
    """What an update of the payment workflow answers; the API renders the object from the database."""

    payment_id: str
    state: PaymentState


class SwitchCommand(Frozen):
    """Collect by another channel, or another way of the same one, in place of the attempt named."""

    channel: str
    invoke: Invoke
    replaces: str | None = None


class AttemptView(Frozen):
    """An attempt as the workflow needs it."""

    out_no: str
    number: int
    channel: str
    channel_account_id: str
    state: AttemptState
    close_proof: CloseProof
    send_before: datetime
    call_timeout_s: int
    close_margin_s: int
    expires_at: datetime
    checks: int = 0
    next_check_at: datetime | None = None


class PaymentView(Frozen):
    """A payment as the workflow needs it: the answer of every step that reads or moves it.

    `refunds_due` names refunds of late, double or mismatching money that the step created and that must be started.
    """

    payment_id: str
    merchant_id: str
    purpose: Purpose = Purpose.PAYMENT
    order_no: str
    state: PaymentState
    version: int
    has_lines: bool
    balance_minor: int
    channel_minor: int
    currency: str
    expires_at: datetime
    certainty: Certainty = Certainty.SURE
    needs_attention: bool = False
    failure_code: str | None = None
    failure_detail: str | None = None
    close_reason: CloseReason | None = None
    attempts: tuple[AttemptView, ...] = ()
    refunds_due: tuple[str, ...] = ()

    @property
    def attempt(self) -> AttemptView | None:
        """The newest attempt: the live one, if any is (law 10)."""
        return self.attempts[-1] if self.attempts else None


class StepCommand(Frozen):
    """A step of one payment."""

    payment_id: str


class BranchesCommand(Frozen):
    """A phase of several local participants in one transaction.

    `finish` also writes the payment's `succeeded` row there; it is set when no other branch is left to confirm.
    """

    payment_id: str
    participants: tuple[str, ...]
    finish: bool = False


class RefusalCommand(Frozen):
    """A participant refused: the decision to undo is kept before anything is undone."""

    payment_id: str
    code: str
    detail: str


class CloseCommand(Frozen):
    """The payment turns to closing."""

    payment_id: str
    reason: CloseReason


class AttemptCommand(Frozen):
    """One call about one attempt."""

    payment_id: str
    out_no: str
    channel_account_id: str


class CallbackCommand(Frozen):
    """Apply a stored callback."""

    payment_id: str
    callback_id: str


class NextAttemptCommand(Frozen):
    """Record the intent of the attempt that comes after the one named; a repeat finds it."""

    payment_id: str
    switch: SwitchCommand
    replaces: str | None = None


class WatchCommand(Frozen):
    """One look of the watch: at most so many callbacks, and so many objects, of each kind."""

    batch: int = 200


class WatchKind(StrEnum):
    """What the watch asks a channel about."""

    PAYMENT = "payment"
    REFUND = "refund"
    PAYOUT = "payout"


class WatchItem(Frozen):
    """Something the watch must look at: an object to ask about, or a stored callback that nobody applied.

    The aliases are the names of earlier versions: a look that began before a deployment goes on after it.
    """

    kind: WatchKind = WatchKind.PAYMENT
    object_id: str = Field(validation_alias=AliasChoices("object_id", "payment_id"))
    merchant_id: str = ""
    out_no: str
    channel: str
    channel_account_id: str
    call_timeout_s: int = 30
    callback_id: str | None = None
    ended: bool = Field(default=True, validation_alias=AliasChoices("ended", "payment_ended"))


class AppliedCommand(Frozen):
    """A callback whose effect is known."""

    callback_id: str


class WatchList(Frozen):
    """What is due now, oldest first."""

    items: tuple[WatchItem, ...] = ()


class SweepCommand(Frozen):
    """One run of the sweeper: at most so many objects, none younger than `grace_s`."""

    grace_s: int = 120
    batch: int = 500


class SweepCounts(Frozen):
    """What one run of the sweeper found and did (law 11)."""

    open_objects: int = 0
    started_again: int = 0
    open_workflows_of_ended_objects: int = 0
    dropped_keys: int = 0


class SagaStep(Frozen):
    """One step that the workflow took, in order."""

    name: str
    state: str
    at: datetime | None = None


class SagaBranch(Frozen):
    """A TCC branch and where it stands: `pending tried confirmed cancelled refused`."""

    name: str
    state: str


class SagaAttempt(Frozen):
    """An attempt in the saga's own words."""

    out_no: str
    channel: str
    state: AttemptState


class SagaView(Frozen):
    """What the workflow says of itself; `source` is `workflow`, or `rows` when rebuilt past retention."""

    payment_id: str
    purpose: Purpose = Purpose.PAYMENT
    state: PaymentState
    source: str = "workflow"
    pivot_passed: bool = False
    steps: tuple[SagaStep, ...] = ()
    branches: tuple[SagaBranch, ...] = ()
    attempts: tuple[SagaAttempt, ...] = ()
    certainty: Certainty = Certainty.SURE
    needs_attention: bool = False
    waits_for: str = ""
