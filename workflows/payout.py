"""Money that leaves for a payee's account at a channel."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.outgoing import ApprovalCommand, OperationAnswer, PayoutCommand, PayoutView
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
    open="payout.open",
    decide="payout.decide",
    send="channel.transfer",
    ask="channel.transfer_query",
    confirm="payout.confirm",
    cancel="payout.fail",
    flag="payout.flag",
    send_queue="payout",
)


@workflow.defn(name="Payout")
class PayoutWorkflow:
    """Holds the money, waits for an approval where one is due, drives the leg to its proof, posts.

    Pivot: the channel's success. Nothing unknown becomes failed. What is returned days later is the watch's to find.
    """

    @workflow.init
    def __init__(self, command: PayoutCommand) -> None:
        self._id = command.payout_id
        self._steps = OutgoingSteps(command, PayoutView, NAMES)
        self._refused: Refusal | None = None

    @workflow.run
    async def run(self, command: PayoutCommand) -> PayoutView | None:  # noqa: ARG002 - `__init__` has read it
        """The payout has ended, and is posted accordingly; None when it was refused and never was.

        Cancel in the UI changes nothing: a person who wants it stopped rejects it while it awaits approval.
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
            workflow.set_current_details(f"Refused: {self._refused.code}. No payout was made, nothing is held.")
            return
        self._tell("an approval, or the channel's word on the payout")
        if not self._steps.now.state.terminal:
            await self._saga().run()
        list_end(self._steps.now.state)
        self._tell("nothing: it has ended")

    def _saga(self) -> Saga:
        return Saga(local=HeldMoney(self._steps), sender=ChannelLeg(self._steps), record=OutgoingRecord(self._steps))

    @workflow.signal
    def callback(self, callback_id: str) -> None:  # noqa: ARG002 - the row is a hint: the query decides
        """The channel called about this payout: it is asked at once."""
        self._steps.called = True

    @workflow.update
    async def accepted(self) -> OperationAnswer:
        """The payout exists with its hold, or it was refused and never will."""
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
    def payout(self) -> PayoutView:
        """The payout as the workflow last saw it."""
        return self._steps.now

    async def _opened(self) -> None:
        await workflow.wait_condition(lambda: self._steps.view is not None or self._refused is not None)

    def _tell(self, waits_for: str) -> None:
        payout = self._steps.now
        workflow.set_current_details(
            f"Payout of {payout.amount_minor} (minor units of {payout.currency}) by {payout.channel}: "
            f"**{payout.state}** ({payout.certainty}), leg {payout.leg_state}.\n\nWaits for: {waits_for}."
        )
