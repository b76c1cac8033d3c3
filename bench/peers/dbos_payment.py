"""The payment as a dbos workflow: the steps of `workflows/collecting.py` in the same order, in this engine's words.

Its steps are stored in PostgreSQL as they end; a workflow that runs again takes what they answered from there. So
nothing here may look at the clock or at rows by itself.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from dbos import DBOS, error

from bench.peers.dbos_names import ANSWER, CALLBACK, PAYMENT
from bench.peers.dbos_steps import PaymentStep, Refusal, Steps
from domain.commands import (
    AttemptCommand,
    AttemptView,
    BranchesCommand,
    CallbackCommand,
    CloseCommand,
    PaymentView,
    RefusalCommand,
    StepCommand,
)
from domain.states import AttemptState, CloseProof, CloseReason, PaymentState

CLOSING_POLL_S = 2.0
FORWARD_PAUSE_S = 10.0

_RETRIES = {"retries_allowed": True, "interval_seconds": 0.1, "backoff_rate": 2.0, "max_attempts": 8}
_REFUSALS = {
    AttemptState.DECLINED: Refusal("channel_declined", "The channel declined the payment"),
    AttemptState.REJECTED: Refusal("channel_rejected", "The channel rejected the order"),
    AttemptState.NEVER_SENT: Refusal("channel_unavailable", "The channel could not be reached; nothing was sent"),
}


def register(steps: Steps) -> Callable[[str], Awaitable[str]]:
    """The engine knows the workflow, which this answers, by its name. To be called before it is launched."""

    async def payment(payment_id: str) -> str:
        return await Payment(steps, payment_id).run()

    registered: Callable[[str], Awaitable[str]] = DBOS.workflow(name=PAYMENT)(payment)
    return registered


class Payment:
    """One run. Pivot: the committed move to `confirming`; before it everything is undone, after it only forward."""

    _payment: PaymentView

    def __init__(self, steps: Steps, payment_id: str) -> None:
        self._steps = steps
        self._id = payment_id
        self._told = False

    async def run(self) -> str:
        """It is succeeded, closed or failed; answers which."""
        await self._keep("payment.open", self._steps.payment.open, self._about)
        refusal = await self._try_all()
        if self._payment.state is PaymentState.CONFIRMING:
            await self._confirm()
        elif refusal is not None:
            await self._keep("payment.refuse", self._steps.payment.refuse, self._refused(refusal))
            await self._undo()
        elif await self._prove_unpaid():
            await self._undo()
        else:
            await self._confirm()
        await self._tell()
        return self._payment.state

    async def _try_all(self) -> Refusal | None:
        """The payment is `confirming`, or refused; None before the pivot means that it is to be closed."""
        if self._payment.failure_code is not None:
            return Refusal(self._payment.failure_code, self._payment.failure_detail or "")
        if held := self._names(holding=True):
            refusal = await _step(f"{'+'.join(held)}.try", self._steps.hold, self._branches(held))
            if refusal is not None:
                return Refusal(*refusal)
        if not self._payment.channel_minor:
            await self._keep("payment.pivot", self._steps.payment.pivot, self._about)
            return None
        return await self._collect()

    async def _collect(self) -> Refusal | None:
        await self._keep("channel.pay", self._steps.calls.pay, self._of(self._attempt))
        while self._payment.state is not PaymentState.CONFIRMING:
            if refusal := _REFUSALS.get(self._attempt.state):
                return refusal
            if self._payment.state is PaymentState.CLOSING:
                return None
            await self._tell()
            if not await self._heard() and await self._is_over():
                return None
        return None

    async def _heard(self) -> bool:
        """A callback came and was applied; otherwise the channel was asked, where there is anything to ask."""
        due = self._attempt.next_check_at or self._payment.expires_at
        callback_id = await DBOS.recv_async(CALLBACK, timeout_seconds=_until(min(due, self._payment.expires_at)))
        if callback_id is not None:
            await self._apply(callback_id)
            return True
        if self._attempt.state.open:
            await self._keep("channel.query", self._steps.calls.query, self._of(self._attempt))
        return False

    async def _is_over(self) -> bool:
        """Nobody may pay any more: the payment is closing, unless it is paid by now."""
        if not await DBOS.run_step_async({"name": "expired"}, self._steps.is_past, self._payment.expires_at):
            return False
        command = CloseCommand(payment_id=self._id, reason=CloseReason.EXPIRED)
        await self._keep("payment.close", self._steps.payment.close, command)
        return self._payment.state is PaymentState.CLOSING

    async def _prove_unpaid(self) -> bool:
        """True when no attempt can be paid any more, False when one turned out paid."""
        while self._payment.state is not PaymentState.CONFIRMING:
            attempt = next((one for one in self._payment.attempts if one.state.open), None)
            if attempt is None:
                return True
            await self._towards_proof(self._of(attempt), attempt)
            callback_id = await DBOS.recv_async(CALLBACK, timeout_seconds=CLOSING_POLL_S)
            if callback_id is not None:
                await self._apply(callback_id)
        return False

    async def _towards_proof(self, command: AttemptCommand, attempt: AttemptView) -> None:
        if attempt.state is AttemptState.INTENT:
            await self._keep("channel.forbid", self._steps.attempts.forbid, command)
        elif attempt.state is AttemptState.WAITING and attempt.close_proof is CloseProof.FINAL:
            await self._keep("channel.close", self._steps.calls.close, command)
        else:
            await self._keep("channel.query", self._steps.calls.query, command)
            await self._keep("channel.presume", self._steps.attempts.presume, command)

    async def _confirm(self) -> None:
        """Forward, however long it takes: what fails is flagged for a person, and tried again."""
        names = self._names()
        command = self._branches(names, finish=True)
        await self._forward(f"{'+'.join(names)}.confirm", self._steps.branches.confirm, command)

    async def _undo(self) -> None:
        for name in self._names(holding=True):
            await _step(f"{name}.cancel", self._steps.branches.cancel, self._branches((name,)))
        await self._forward("payment.finish", self._steps.payment.finish, self._about)

    async def _forward(self, name: str, step: PaymentStep, command: Any) -> None:  # noqa: ANN401 - any step's own
        while True:
            try:
                return await self._keep(name, step, command)
            except error.DBOSMaxStepRetriesExceeded:
                flag = RefusalCommand(payment_id=self._id, code="attention", detail=f"step_failing:{name}")
                await self._keep("payment.flag", self._steps.payment.flag, flag)
            await DBOS.sleep_async(FORWARD_PAUSE_S)

    async def _apply(self, callback_id: str) -> None:
        command = CallbackCommand(payment_id=self._id, callback_id=callback_id)
        await self._keep("channel.callback", self._steps.attempts.callback, command)

    async def _tell(self) -> None:
        """Whoever waits for the POST's answer may read the rows now."""
        if not self._told:
            self._told = True
            await DBOS.set_event_async(ANSWER, self._payment.state.value)

    async def _keep(self, name: str, step: PaymentStep, command: Any) -> None:  # noqa: ANN401 - any step's own
        self._payment = await _step(name, step, command)

    @property
    def _about(self) -> StepCommand:
        return StepCommand(payment_id=self._id)

    @property
    def _attempt(self) -> AttemptView:
        return self._payment.attempts[-1]

    def _of(self, attempt: AttemptView) -> AttemptCommand:
        return AttemptCommand(payment_id=self._id, out_no=attempt.out_no, channel_account_id=attempt.channel_account_id)

    def _names(self, *, holding: bool = False) -> tuple[str, ...]:
        """The participants in lock order; `holding` leaves out those that have nothing to hold."""
        inventory = ("inventory",) if self._payment.has_lines else ()
        return (*inventory, "funds") if self._payment.balance_minor or not holding else inventory

    def _branches(self, names: tuple[str, ...], *, finish: bool = False) -> BranchesCommand:
        return BranchesCommand(payment_id=self._id, participants=names, finish=finish)

    def _refused(self, refusal: Refusal) -> RefusalCommand:
        return RefusalCommand(payment_id=self._id, code=refusal.code, detail=refusal.detail)


async def _step(name: str, step: Any, command: Any) -> Any:  # noqa: ANN401 - each step has its own types
    """What the step answered, now or before this workflow was interrupted."""
    return await DBOS.run_step_async({"name": name, **_RETRIES}, step, command)


def _until(moment: datetime) -> float:
    """Only how long to wait: the engine stores when the wait ends, and what it brought."""
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
