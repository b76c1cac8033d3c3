"""How the payer's money is collected, from the door to the books: what payments and top-ups share."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.commands import PaymentAnswer, PaymentCommand, PaymentView, SagaView, SwitchCommand
    from domain.errors import PaymentAlreadyPaid, PaymentEnded, SwitchUnsafe
    from domain.states import AttemptState, PaymentState
    from workflows.attributes import list_end
    from workflows.collection import Collection
    from workflows.mailbox import Mailbox
    from workflows.payment_branches import HeldBranches, PaymentRecord
    from workflows.payment_steps import PaymentSteps
    from workflows.refunds_due import start_refunds
    from workflows.shield import finish_despite_cancel
    from workflows.story import Story
    from workflows.tcc import Saga

_UNSENT = frozenset({AttemptState.INTENT, AttemptState.SENT})
_ANSWERABLE = frozenset({PaymentState.AWAITING_PAYER, PaymentState.PROCESSING, PaymentState.CLOSING})


class Collecting:
    """Drives inventory, funds and channel as TCC participants. Pivot: the committed move to `confirming`.

    Everything is read from rows, so a payment started again with an empty history reaches the same end (law 11).
    """

    def __init__(self, command: PaymentCommand) -> None:
        self._story = Story()
        self._mailbox = Mailbox()
        self._steps = PaymentSteps(command.payment_id, self._story)
        self._collection = Collection(self._steps, self._mailbox, self._story)

    async def collect(self) -> PaymentAnswer:
        """It is succeeded, closed or failed; Cancel in the UI means close before the pivot, nothing after."""
        await finish_despite_cancel(self._drive(), self._mailbox.request_close)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._answer()

    async def _drive(self) -> None:
        await self._steps.open()
        if not self._payment.state.terminal:
            await self._saga().run()
        await start_refunds(self._payment)
        self._story.wait_for("nothing: it has ended", self._payment)
        list_end(self._payment.state)

    def _saga(self) -> Saga:
        sender = self._collection if self._payment.channel_minor else None
        return Saga(local=HeldBranches(self._steps), sender=sender, record=PaymentRecord(self._steps, self._collection))

    @workflow.signal
    def callback(self, callback_id: str) -> None:
        """A verified callback was stored under this id; a hint, it is applied from its row."""
        self._mailbox.deliver(callback_id)

    @workflow.update
    async def pay(self) -> PaymentAnswer:
        """Answers as soon as there is something to tell: pay parameters, an unknown outcome, or the end."""
        await workflow.wait_condition(self._can_answer)
        return self._answer()

    @workflow.update
    async def close(self) -> PaymentAnswer:
        """The payment is closing or closed; `payment_already_paid` when the channel's money was faster."""
        self._mailbox.request_close()
        await workflow.wait_condition(self._close_is_decided)
        if self._payment.state in {PaymentState.CONFIRMING, PaymentState.SUCCEEDED}:
            raise _problem(PaymentAlreadyPaid)
        return self._answer()

    @workflow.update
    async def switch(self, switch: SwitchCommand) -> PaymentAnswer:
        """Another attempt has begun; refused with `switch_unsafe` while the previous one may still be paid.

        The attempt to be replaced may be replaced already: a history that was wound back repeats what it was asked.
        """
        await workflow.wait_condition(lambda: self._mailbox.switch is None and self._steps.view is not None)
        attempt = self._payment.attempt
        if not self._payment.state.before_pivot or self._payment.state is PaymentState.CLOSING or attempt is None:
            raise _problem(PaymentAlreadyPaid if self._payment.state is PaymentState.SUCCEEDED else PaymentEnded)
        if attempt.state in {AttemptState.UNKNOWN, AttemptState.SENT, AttemptState.INTENT}:
            raise _problem(SwitchUnsafe)
        if switch.replaces is not None and switch.replaces != attempt.out_no:
            return self._replaced_by(switch)
        self._mailbox.switch = switch
        await workflow.wait_condition(self._switch_is_decided)
        return self._switched()

    @workflow.query
    def saga(self) -> SagaView:
        """Steps, branches, attempts, certainty, and what it waits for; before `open` an error that says so."""
        return self._story.view(self._payment)

    @property
    def _payment(self) -> PaymentView:
        return self._steps.payment

    def _answer(self) -> PaymentAnswer:
        return PaymentAnswer(payment_id=self._payment.payment_id, state=self._payment.state)

    def _switched(self) -> PaymentAnswer:
        if self._payment.state in {PaymentState.CONFIRMING, PaymentState.SUCCEEDED}:
            raise _problem(PaymentAlreadyPaid)
        if refused := self._collection.switch_refused:
            raise ApplicationError("the switch was refused", type=refused, non_retryable=True)
        return self._answer()

    def _replaced_by(self, switch: SwitchCommand) -> PaymentAnswer:
        """As asked, or by another request that was faster."""
        if self._payment.attempt is None or self._payment.attempt.channel != switch.channel:
            raise _problem(SwitchUnsafe)
        return self._answer()

    def _can_answer(self) -> bool:
        payment = self._steps.view
        if payment is None:
            return False
        unknown = payment.attempt is not None and payment.attempt.state is AttemptState.UNKNOWN
        return payment.state.terminal or payment.state in _ANSWERABLE or unknown

    def _switch_is_decided(self) -> bool:
        """Refused, or the new attempt's send has an outcome, or the payment went another way."""
        payment = self._payment
        if not payment.state.before_pivot or payment.state is PaymentState.CLOSING:
            return True
        sending = payment.attempt is not None and payment.attempt.state in _UNSENT
        return self._mailbox.switch is None and (self._collection.switch_refused is not None or not sending)

    def _close_is_decided(self) -> bool:
        payment = self._steps.view
        return payment is not None and (payment.state is PaymentState.CLOSING or not payment.state.before_pivot)


def _problem(problem: type[PaymentAlreadyPaid | PaymentEnded | SwitchUnsafe]) -> ApplicationError:
    return ApplicationError(problem.title, type=problem.code, non_retryable=True)
