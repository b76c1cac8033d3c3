"""Money given back: what the merchant refunds, and what came late, twice or wrongly."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.outgoing import ApprovalCommand, OperationAnswer, RefundCommand, RefundView
    from workflows.attributes import list_end
    from workflows.failures import Refusal, refusal_of, undecided
    from workflows.outgoing import (
        ChannelLeg,
        HeldMoney,
        OutgoingNames,
        OutgoingRecord,
        OutgoingSteps,
        check_decision,
        require_awaited,
    )
    from workflows.shield import finish_despite_cancel
    from workflows.tcc import Saga

NAMES = OutgoingNames(
    open="refund.open",
    decide="refund.decide",
    send="channel.refund",
    ask="channel.refund_query",
    confirm="refund.confirm",
    cancel="refund.fail",
    flag="refund.flag",
)


@workflow.defn(name="Refund")
class RefundWorkflow:
    """Holds the merchant's money, drives the channel leg to its proof, posts. Pivot: the channel's success.

    Nothing unknown becomes failed; a refund that the channel keeps unknown is flagged and asked about for ever.
    """

    @workflow.init
    def __init__(self, command: RefundCommand) -> None:
        self._id = command.refund_id
        self._steps = OutgoingSteps(command, RefundView, NAMES)
        self._refused: Refusal | None = None

    @workflow.run
    async def run(self, command: RefundCommand) -> RefundView | None:  # noqa: ARG002 - `__init__` has read it
        """The refund is succeeded or failed, and posted accordingly; None when it was refused and never was.

        Cancel in the UI changes nothing: it is owed.
        """
        await finish_despite_cancel(self._drive(), lambda: None)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._steps.view

    async def _drive(self) -> None:
        try:
            await self._steps.open()
        except FailureError as error:
            self._refused = refusal_of(error)
            if self._refused is None:
                raise undecided(error) from error
            workflow.set_current_details(f"Refused: {self._refused.code}. No refund was made, nothing is held.")
            return
        self._tell("the channel's word on the refund")
        if not self._steps.now.state.terminal:
            await self._saga().run()
        list_end(self._steps.now.state)
        self._tell("nothing: it has ended")

    def _saga(self) -> Saga:
        return Saga(local=HeldMoney(self._steps), sender=ChannelLeg(self._steps), record=OutgoingRecord(self._steps))

    @workflow.signal
    def callback(self, callback_id: str) -> None:  # noqa: ARG002 - the row is a hint: the query decides
        """The channel called about this refund: it is asked at once."""
        self._steps.called = True

    @workflow.update
    async def accepted(self) -> OperationAnswer:
        """The refund exists with its hold, or it was refused and never will."""
        await self._opened()
        if self._refused is None:
            return OperationAnswer(object_id=self._id)
        return OperationAnswer(object_id=self._id, refused_code=self._refused.code, refused_detail=self._refused.detail)

    @workflow.update
    async def decide(self, decision: ApprovalCommand) -> OperationAnswer:
        """The decision stands, this one or the one that was faster; also right after a restart, once it is read."""
        await self._opened()
        require_awaited(self._steps.view)
        await self._steps.decide(decision)
        return OperationAnswer(object_id=self._id)

    @decide.validator
    def _check_decision(self, decision: ApprovalCommand) -> None:
        check_decision(self._steps.view, decision)

    @workflow.query
    def refund(self) -> RefundView:
        """The refund as the workflow last saw it."""
        return self._steps.now

    async def _opened(self) -> None:
        await workflow.wait_condition(lambda: self._steps.view is not None or self._refused is not None)

    def _tell(self, waits_for: str) -> None:
        refund = self._steps.now
        workflow.set_current_details(
            f"Refund of {refund.amount_minor} (minor units of {refund.currency}), origin {refund.origin}: "
            f"**{refund.state}** ({refund.certainty}), leg {refund.leg_state}.\n\n"
            f"Of payment `{refund.payment_id}`. Waits for: {waits_for}."
        )
