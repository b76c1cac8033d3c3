"""Money that leaves by a channel, as one saga: hold (with an approval where one is due), send, confirm or let go.

Refunds and payouts share it. The hold was made with the object (`open`); its confirm posts and ends the object in one
transaction, its cancel releases and ends it in one.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain.errors import ApprovalExpired, ApprovalRejected, BusinessError, ChannelRejected, NotAwaitingApproval
    from domain.outgoing import ApprovalCommand, FlagCommand, LegView
    from domain.states import Approval, LegState
    from workflows import timing
    from workflows.attributes import NEEDS_ATTENTION
    from workflows.failures import Refusal, timed_out, undecided
    from workflows.steps import call_channel, local, local_quietly
    from workflows.tcc import Decision

View = TypeVar("View", bound=LegView)

CALL_TIMEOUT_S = 30
_FLAGS_ROW = "outgoing-flags-row"
_REFUSED_BY_HAND: dict[Approval, type[BusinessError]] = {
    Approval.REJECTED: ApprovalRejected,
    Approval.EXPIRED: ApprovalExpired,
}


@dataclass(frozen=True)
class OutgoingNames:
    """The steps by name, and the kind of task queue that the sending call runs on."""

    open: str
    decide: str
    send: str
    ask: str
    confirm: str
    cancel: str
    flag: str
    send_queue: str = "channel"


class OutgoingSteps(Generic[View]):
    """The steps of one refund or payout; keeps what the newest answer says (`view`)."""

    def __init__(self, command: BaseModel, answer: type[View], names: OutgoingNames) -> None:
        self._command = command
        self._answer = answer
        self._names = names
        self.view: View | None = None
        self.called = False

    @property
    def now(self) -> View:
        """The object as last read; only after `open`."""
        if self.view is None:
            raise RuntimeError("it is not open yet")
        return self.view

    async def open(self) -> None:
        """The object exists with its holds, or FailureError with the refusal; one that exists already is read."""
        self._keep(await local(self._names.open, self._command, self._answer))

    async def decide(self, decision: ApprovalCommand) -> None:
        """The decision is kept, unless another was first."""
        self._keep(await local(self._names.decide, decision, self._answer, summary=decision.decision))

    async def send(self) -> None:
        """The channel was called, or it is known that it never will be."""
        await self._call(self._names.send, queue=self._names.send_queue)

    async def ask(self) -> None:
        """The channel was asked, and its answer is kept."""
        await self._call(self._names.ask, queue="channel")

    async def confirm(self) -> None:
        """Posted, and ended well, in one transaction."""
        self._keep(await local_quietly(self._names.confirm, self._command, self._answer))

    async def cancel(self) -> None:
        """Let go, and ended without effect, in one transaction."""
        self._keep(await local_quietly(self._names.cancel, self._command, self._answer))

    async def flag(self, reason: str) -> None:
        """The row asks for a person; Temporal's list does so even where the row is out of reach."""
        workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(True)])
        if workflow.patched(_FLAGS_ROW):
            command = FlagCommand(object_id=workflow.info().workflow_id, reason=reason)
            self.view = await local_quietly(self._names.flag, command, self._answer, summary=reason)

    async def _call(self, name: str, *, queue: str) -> None:
        """A call that finds no worker for long is looked at again from its row."""
        try:
            answer = await call_channel(
                name,
                self._command,
                self._answer,
                channel=self.now.channel or "none",
                call_timeout_s=CALL_TIMEOUT_S,
                until=timing.REFUND_CALL_LIMIT,
                summary=f"{self.now.channel}",
                queue=queue,
            )
        except FailureError as error:
            if not timed_out(error):
                raise undecided(error) from error
            answer = await local(self._names.open, self._command, self._answer)
        self._keep(answer)

    def _keep(self, view: View) -> None:
        newly_flagged = view.needs_attention and not (self.view is not None and self.view.needs_attention)
        self.view = view
        if newly_flagged:
            workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(True)])


class HeldMoney(Generic[View]):
    """The local branch: held when the object was opened, let go on only with the approval that it needs."""

    def __init__(self, steps: OutgoingSteps[View]) -> None:
        self._steps = steps

    def names(self) -> Sequence[str]:
        """One participant: the book."""
        return ("funds",)

    async def try_(self) -> None:
        """It stands, and whoever had to has approved it; Refusal when nobody did."""
        while self._steps.now.approval is Approval.AWAITED:
            await self._wait_for_approval()
        if refused := _REFUSED_BY_HAND.get(self._steps.now.approval or Approval.APPROVED):
            raise Refusal(refused.code, refused.title)

    async def confirm(self) -> None:
        """Out of the hold, into the book."""
        await self._steps.confirm()

    async def cancel(self, name: str) -> None:  # noqa: ARG002 - there is one
        """What was held is free again."""
        await self._steps.cancel()

    async def _wait_for_approval(self) -> None:
        steps = self._steps
        left = (steps.now.approval_expires_at or workflow.now()) - workflow.now()
        try:
            await workflow.wait_condition(
                lambda: steps.now.approval is not Approval.AWAITED,
                timeout=max(left, timedelta(0)),
                timeout_summary="the approval expires",
            )
        except TimeoutError:
            await steps.decide(ApprovalCommand(object_id=workflow.info().workflow_id, decision=Approval.EXPIRED))


class ChannelLeg(Generic[View]):
    """The sending branch, intent first: unknown is asked about for ever, and sent again only where that is safe."""

    name = "channel"

    def __init__(self, steps: OutgoingSteps[View]) -> None:
        self._steps = steps

    async def try_(self) -> None:
        """The channel has proven its success, or has no part in it; Refusal when it has proven its refusal."""
        while True:
            leg = self._steps.now
            match leg.leg_state:
                case LegState.NONE | LegState.KNOWN_OK:
                    return
                case LegState.KNOWN_FAIL:
                    raise Refusal(leg.failure_code or ChannelRejected.code, ChannelRejected.title)
                case LegState.INTENT | LegState.SENT if leg.next_check_at is None:
                    await self._steps.send()
                case _:
                    await self._wait_and_ask()

    async def cancel(self) -> bool:
        """False when the channel turned out to have done it: only its proof, or no send at all, leads here."""
        return self._steps.now.leg_state is not LegState.KNOWN_OK

    async def confirm(self) -> None:
        """Nothing: its success was the pivot."""

    async def _wait_and_ask(self) -> None:
        steps = self._steps
        due = steps.now.next_check_at or workflow.now()
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: steps.called,
                timeout=max(due - workflow.now(), timedelta(0)),
                timeout_summary="next question to the channel",
            )
        steps.called = False
        if steps.now.leg_state is not LegState.INTENT:
            await steps.ask()
        if steps.now.leg_state in {LegState.INTENT, LegState.UNKNOWN}:
            # The same number again; where the channel does not make that safe, the activity only asks.
            await steps.send()


class OutgoingRecord(Generic[View]):
    """The committed decisions: they are on the leg and on the approval."""

    def __init__(self, steps: OutgoingSteps[View]) -> None:
        self._steps = steps

    def decision(self) -> Decision:
        """The leg's proof decides, or a refused approval."""
        now = self._steps.now
        if now.leg_state is LegState.KNOWN_OK:
            return Decision.CONFIRM
        undo = now.leg_state is LegState.KNOWN_FAIL or now.approval in _REFUSED_BY_HAND
        return Decision.CANCEL if undo else Decision.OPEN

    async def pivot(self) -> None:
        """The leg's success is committed with its evidence."""

    async def refuse(self, refusal: Refusal) -> None:
        """The refusal is committed with the leg, or with the decision."""

    async def stop(self) -> None:
        """Never: what is owed has no deadline."""

    async def finish(self, decision: Decision) -> None:
        """The terminal row was written with the confirm, or with the cancel."""

    async def flag(self, reason: str) -> None:
        """The row asks for a person."""
        await self._steps.flag(reason)
        workflow.logger.warning("a step after the decision fails: %s", reason)


def check_decision(view: LegView | None, decision: ApprovalCommand) -> None:
    """Nothing when this decision may be made, as far as is known; the update's validator raises what it refuses.

    Of one that is not read yet nothing is known: the handler reads it first, and then calls `require_awaited`.
    """
    if decision.decision not in {Approval.APPROVED, Approval.REJECTED}:
        raise _not_awaiting_approval()
    if view is not None:
        require_awaited(view)


def require_awaited(view: LegView | None) -> None:
    """Nothing when a decision is awaited; the update fails otherwise, also for one that never came to be."""
    if view is None or view.approval is not Approval.AWAITED:
        raise _not_awaiting_approval()


def _not_awaiting_approval() -> ApplicationError:
    return ApplicationError(NotAwaitingApproval.title, type=NotAwaitingApproval.code, non_retryable=True)
