"""The payment's own steps, by name: each answers the payment as its rows now say it is."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.commands import (
        AttemptCommand,
        AttemptView,
        BranchesCommand,
        CallbackCommand,
        CloseCommand,
        NextAttemptCommand,
        PaymentView,
        RefusalCommand,
        StepCommand,
        SwitchCommand,
    )
    from domain.states import CloseReason, PaymentState
    from workflows import timing
    from workflows.attributes import NEEDS_ATTENTION
    from workflows.failures import Refusal
    from workflows.steps import call_channel, local, local_quietly
    from workflows.story import Story


class PaymentSteps:
    """Runs the steps of one payment, named as the UI shows them, and keeps what the newest answer says (`view`)."""

    def __init__(self, payment_id: str, story: Story) -> None:
        self._id = payment_id
        self._story = story
        self._flagged = False
        self.view: PaymentView | None = None

    @property
    def payment(self) -> PaymentView:
        """The payment as last read; only after `open`."""
        if self.view is None:
            raise RuntimeError("the payment is not open yet")
        return self.view

    async def open(self) -> PaymentView:
        """The payment exists; a payment that exists already is read."""
        return self._keep("payment.open", await local("payment.open", StepCommand(payment_id=self._id), PaymentView))

    async def try_branches(self, names: tuple[str, ...]) -> None:
        """All these participants hold, or none does."""
        command = BranchesCommand(payment_id=self._id, participants=names)
        step = f"{'+'.join(names)}.try"
        until = max(self.payment.expires_at - workflow.now(), timing.LOCAL_STEP)
        await local(step, command, type(None), summary="hold what is ours", until=until)
        self._story.tell(step, self.payment)

    async def confirm_branches(self, names: tuple[str, ...]) -> None:
        """All these participants have confirmed and the payment is `succeeded`, in one transaction."""
        command = BranchesCommand(payment_id=self._id, participants=names, finish=True)
        step = f"{'+'.join(names)}.confirm"
        self._keep(step, await local_quietly(step, command, PaymentView, summary="post, deduct, succeed"))

    async def cancel_branch(self, name: str) -> None:
        """The participant has let go, or a tombstone bars it."""
        command = BranchesCommand(payment_id=self._id, participants=(name,))
        step = f"{name}.cancel"
        await local_quietly(step, command, type(None), summary="give back")
        self._story.tell(step, self.payment)

    async def pivot(self) -> None:
        """The payment is `confirming`: from here there is only forward."""
        await self._own_step("payment.pivot")

    async def refuse(self, refusal: Refusal) -> None:
        """The refusal is kept."""
        command = RefusalCommand(payment_id=self._id, code=refusal.code, detail=refusal.detail)
        self._keep("payment.refuse", await local("payment.refuse", command, PaymentView, summary=refusal.code))

    async def close(self, reason: CloseReason) -> None:
        """The payment is `closing`, unless it is paid."""
        command = CloseCommand(payment_id=self._id, reason=reason)
        self._keep("payment.close", await local("payment.close", command, PaymentView, summary=reason))

    async def finish(self) -> None:
        """The payment's terminal row is written: `failed` after a refusal, `closed` after closing."""
        command = StepCommand(payment_id=self._id)
        self._keep("payment.finish", await local_quietly("payment.finish", command, PaymentView))

    async def flag(self, reason: str) -> None:
        """`needs_attention` stands on the payment."""
        command = RefusalCommand(payment_id=self._id, code="attention", detail=reason)
        self._keep("payment.flag", await local_quietly("payment.flag", command, PaymentView, summary=reason))

    async def forbid_send(self, attempt: AttemptView) -> None:
        """An intent that was not sent is `never_sent` and never will be; anything else stays as it is."""
        await self._attempt_step("channel.forbid", attempt, "forbid the send")

    async def presume_closed(self, attempt: AttemptView) -> None:
        """Without proof, after expiry and margin: the attempt is `presumed_closed` and watched."""
        await self._attempt_step("channel.presume", attempt, "no proof: presumed closed, watched")

    async def apply_callback(self, callback_id: str) -> None:
        """A stored callback has had its effect, once."""
        command = CallbackCommand(payment_id=self._id, callback_id=callback_id)
        self._keep(
            "channel.callback", await local("channel.callback", command, PaymentView, summary="the channel called")
        )

    async def next_attempt(self, switch: SwitchCommand) -> None:
        """The intent of another attempt is committed."""
        replaced = self.payment.attempt.out_no if self.payment.attempt else None
        command = NextAttemptCommand(payment_id=self._id, switch=switch, replaces=replaced)
        self._keep("channel.switch", await local("channel.switch", command, PaymentView, summary=switch.channel))

    async def pay(self, attempt: AttemptView) -> None:
        """The order was sent, or is known never to be."""
        until = max(self.payment.expires_at - workflow.now(), timing.LOCAL_STEP)
        await self._call("channel.pay", attempt, until=until)

    async def query(self, attempt: AttemptView) -> None:
        """The channel was asked, and its answer is kept."""
        await self._call("channel.query", attempt, until=timing.QUERY_LIMIT)

    async def close_attempt(self, attempt: AttemptView) -> None:
        """The channel was asked to close the order, and its answer is kept."""
        await self._call("channel.close", attempt, until=timing.QUERY_LIMIT)

    async def _own_step(self, name: str) -> None:
        self._keep(name, await local(name, StepCommand(payment_id=self._id), PaymentView))

    async def _attempt_step(self, name: str, attempt: AttemptView, summary: str) -> None:
        command = self._about(attempt)
        self._keep(name, await local(name, command, PaymentView, summary=summary))

    async def _call(self, name: str, attempt: AttemptView, *, until: timedelta) -> None:
        answer = await call_channel(
            name,
            self._about(attempt),
            PaymentView,
            channel=attempt.channel,
            call_timeout_s=attempt.call_timeout_s,
            until=until,
            summary=f"{attempt.channel} {attempt.out_no}",
        )
        self._keep(name, answer)

    def _about(self, attempt: AttemptView) -> AttemptCommand:
        return AttemptCommand(payment_id=self._id, out_no=attempt.out_no, channel_account_id=attempt.channel_account_id)

    def _keep(self, step: str, view: PaymentView) -> PaymentView:
        """The newest rows win: a step that raced with another may answer with an older version."""
        if self.view is None or view.version >= self.view.version:
            self.view = view
        self._story.tell(step, self.payment)
        if self.payment.state is PaymentState.CONFIRMING:
            self._story.pass_pivot()
        if self.payment.needs_attention and not self._flagged:
            self._flagged = True
            workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(True)])
        return self.payment
