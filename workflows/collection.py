"""The channel branch: send, wait for the payer, and on cancel prove that nobody can pay any more (laws 4, 5, 8, 10)."""

from collections.abc import Awaitable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.commands import AttemptView, PaymentView, SwitchCommand
    from domain.errors import SwitchUnsafe
    from domain.states import AttemptState, CloseProof, CloseReason, PaymentState
    from workflows import timing
    from workflows.failures import Refusal, describe, refusal_of, timed_out, undecided
    from workflows.mailbox import Mailbox
    from workflows.payment_steps import PaymentSteps
    from workflows.story import Story
    from workflows.tcc import Ended, Stopped

_SWITCHABLE = frozenset({PaymentState.PENDING, PaymentState.AWAITING_PAYER})
_REFUSABLE = frozenset({PaymentState.PENDING, PaymentState.PROCESSING})
_ENDED_BEFORE = "rows-ahead-of-history"
_CLOSED_UNSEEN = "closed-before-the-payer-saw-it"
_ENDED_UNPAID = frozenset({AttemptState.DECLINED, AttemptState.REJECTED, AttemptState.NEVER_SENT})
_REFUSALS = {
    AttemptState.DECLINED: ("channel_declined", "The channel declined the payment"),
    AttemptState.REJECTED: ("channel_rejected", "The channel rejected the order"),
    AttemptState.CLOSED: ("channel_declined", "The channel closed the order before it could be paid"),
    AttemptState.NEVER_SENT: ("channel_unavailable", "The channel could not be reached; nothing was sent"),
}


class Collection:
    """Collects the channel part of one payment; the rows decide, this only asks and waits."""

    name = "channel"

    def __init__(self, steps: PaymentSteps, mailbox: Mailbox, story: Story) -> None:
        self._steps = steps
        self._mailbox = mailbox
        self._story = story
        self.close_reason = CloseReason.EXPIRED
        self.switch_refused: str | None = None

    async def try_(self) -> None:
        """The payment is `confirming`: the channel says paid, for our amount.

        Raises Refusal when the channel refused at once, Stopped when the payment is to be closed, Ended when it has.
        """
        while self._payment.state is not PaymentState.CONFIRMING:
            self._leave_if_ended()
            self._stop_if_asked()
            if self._attempt.state in {AttemptState.INTENT, AttemptState.SENT}:
                await self._send()
            else:
                await self._wait()

    async def confirm(self) -> None:
        """Nothing: with automatic capture the money has been taken when the channel says paid."""

    async def cancel(self) -> bool:
        """False when an attempt turned out paid; True when each is proven or presumed closed; Ended when it has."""
        pause = timing.CLOSING_POLL
        while self._payment.state is not PaymentState.CONFIRMING:
            self._leave_if_ended()
            attempt = next((one for one in self._payment.attempts if one.state.open), None)
            if attempt is None:
                return True
            await self._close(attempt)
            if self._attempt_of(attempt).state.open:
                await self._pause(pause)
                pause = min(pause * 2, timing.CLOSING_POLL_MAX)
        return False

    @property
    def _payment(self) -> PaymentView:
        return self._steps.payment

    @property
    def _attempt(self) -> AttemptView:
        attempt = self._payment.attempt
        if attempt is None:
            raise RuntimeError("a payment with a channel part has an attempt")
        return attempt

    def _attempt_of(self, attempt: AttemptView) -> AttemptView:
        return next(one for one in self._payment.attempts if one.out_no == attempt.out_no)

    def _leave_if_ended(self) -> None:
        """A lost task ran again, or an operator wound the history back: the step found the payment at its end."""
        if self._payment.state.terminal and workflow.patched(_ENDED_BEFORE):
            raise Ended

    def _stop_if_asked(self) -> None:
        if self._payment.state is PaymentState.CLOSING:
            raise Stopped
        if self._mailbox.close_requested:
            self.close_reason = CloseReason.REQUESTED
            raise Stopped
        if workflow.now() >= self._payment.expires_at:
            raise Stopped
        if self._payment.state in _REFUSABLE and (self._attempt.state in _ENDED_UNPAID or self._closed_unseen()):
            raise Refusal(*_REFUSALS[self._attempt.state])

    def _closed_unseen(self) -> bool:
        """The channel ended an order of whose sending we had heard nothing: nobody can pay it, or was shown it."""
        return self._attempt.state is AttemptState.CLOSED and workflow.patched(_CLOSED_UNSEEN)

    async def _send(self) -> None:
        self._story.wait_for("the channel to accept the order", self._payment)
        try:
            await self._steps.pay(self._attempt)
        except FailureError as error:
            if not timed_out(error):
                raise
            raise Stopped from error

    async def _wait(self) -> None:
        self._story.wait_for(self._in_words(), self._payment)
        await self._sleep_until(self._next_moment(), "next question to the channel, or expiry")
        if self._mailbox.callbacks:
            await self._steps.apply_callback(self._mailbox.callbacks.popleft())
        elif self._mailbox.switch is not None:
            await self._switch(self._mailbox.switch)
        elif self._poll_is_due():
            await self._ask(self._attempt)
            await self._send_again_if_unknown()

    async def _send_again_if_unknown(self) -> None:
        """The question did not settle it: the same number again, where the channel makes that safe, while it may go."""
        attempt = self._attempt
        if attempt.state is AttemptState.UNKNOWN and workflow.now() < attempt.send_before:
            await self._send()

    async def _switch(self, switch: SwitchCommand) -> None:
        """A new attempt starts only when the previous one is proven unpayable; otherwise the switch is refused."""
        self.switch_refused = SwitchUnsafe.code
        if self._payment.state in _SWITCHABLE and self._attempt.state is AttemptState.WAITING:
            await self._close(self._attempt)
        if self._payment.state in _SWITCHABLE:
            self.switch_refused = await self._try_next(switch)
        self._mailbox.switch = None

    async def _try_next(self, switch: SwitchCommand) -> str | None:
        try:
            await self._steps.next_attempt(switch)
        except FailureError as error:
            if refusal_of(error) is None:
                raise undecided(error) from error
            return describe(error)
        return None

    async def _close(self, attempt: AttemptView) -> None:
        """One round of forbid, ask, close: as far towards proof as the channel goes now."""
        if attempt.state is AttemptState.INTENT:
            await self._steps.forbid_send(attempt)
            return
        asked_at = workflow.now()
        await self._ask(attempt)
        attempt = self._attempt_of(attempt)
        if attempt.state is AttemptState.WAITING and attempt.close_proof is CloseProof.FINAL:
            await self._ask_to_close(attempt)
        elif attempt.state.open and asked_at >= _closing_ends_at(attempt):
            await self._steps.presume_closed(attempt)

    async def _ask(self, attempt: AttemptView) -> None:
        await _or_nothing(self._steps.query(attempt))

    async def _ask_to_close(self, attempt: AttemptView) -> None:
        await _or_nothing(self._steps.close_attempt(attempt))

    def _poll_is_due(self) -> bool:
        due = self._attempt.next_check_at
        return self._attempt.state.open and (due is None or workflow.now() >= due)

    def _next_moment(self) -> datetime:
        expires_at = self._payment.expires_at
        due = self._attempt.next_check_at if self._attempt.state.open else None
        return expires_at if due is None else min(due, expires_at)

    async def _pause(self, pause: timedelta) -> None:
        """Between two rounds of closing; a callback ends it early and is applied."""
        self._story.wait_for("proof that the channel can no longer be paid", self._payment)
        await self._sleep_until(workflow.now() + pause, "next round of closing", any_news=False)
        if self._mailbox.callbacks:
            await self._steps.apply_callback(self._mailbox.callbacks.popleft())

    async def _sleep_until(self, moment: datetime, summary: str, *, any_news: bool = True) -> None:
        """One wait with one timer; news ends it early."""
        mailbox = self._mailbox
        try:
            await workflow.wait_condition(
                mailbox.has_news if any_news else lambda: bool(mailbox.callbacks),
                timeout=max(moment - workflow.now(), timedelta(0)),
                timeout_summary=summary,
            )
        except TimeoutError:
            return

    def _in_words(self) -> str:
        if self._attempt.state is AttemptState.UNKNOWN:
            return "the channel's answer: whether it has the order is unknown, it is asked again"
        if self._attempt.state in _ENDED_UNPAID:
            return "another way to pay, a close request, or the expiry"
        return "the payer, a callback, the next poll, or the expiry"


async def _or_nothing(question: Awaitable[None]) -> None:
    """A question that found no worker in time taught nothing; the next poll asks again."""
    try:
        await question
    except FailureError as error:
        if not timed_out(error):
            raise undecided(error) from error


def _closing_ends_at(attempt: AttemptView) -> datetime:
    """After our expiry and the channel's margin silence counts: as proof where the channel says so, else presumed."""
    return attempt.expires_at + timedelta(seconds=attempt.close_margin_s)
