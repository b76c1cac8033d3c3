"""Money given back: for now what came late, twice or wrongly; the merchant's own refunds join it with their try."""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.commands import RefundCommand, RefundView
    from domain.states import LegState
    from workflows import timing
    from workflows.attributes import NEEDS_ATTENTION, PAYMENT_STATE
    from workflows.failures import timed_out, undecided
    from workflows.shield import finish_despite_cancel
    from workflows.steps import call_channel, local, local_quietly
    from workflows.tcc import forward

CALL_TIMEOUT_S = 30


@workflow.defn(name="Refund")
class RefundWorkflow:
    """Drives the channel leg until the channel has proven its end. Pivot: the channel's success.

    Nothing unknown becomes failed; a refund that the channel keeps unknown is flagged and asked about for ever.
    """

    def __init__(self) -> None:
        self._view: RefundView | None = None
        self._called = False

    @workflow.run
    async def run(self, command: RefundCommand) -> RefundView:
        """The refund is succeeded or failed, and posted accordingly; Cancel in the UI changes nothing: it is owed."""
        await finish_despite_cancel(self._drive(command), lambda: None)
        return self._refund

    async def _drive(self, command: RefundCommand) -> None:
        self._keep(await local("refund.open", command, RefundView))
        while not self._refund.state.terminal:
            await self._advance(command)
        workflow.upsert_search_attributes([PAYMENT_STATE.value_set(self._refund.state)])
        self._tell("nothing: it has ended")

    async def _advance(self, command: RefundCommand) -> None:
        match self._refund.leg_state:
            case LegState.KNOWN_OK:
                await self._end("refund.confirm", command)
            case LegState.KNOWN_FAIL:
                await self._end("refund.fail", command)
            case LegState.INTENT if self._refund.next_check_at is None:
                await self._call("channel.refund", command)
            case LegState.SENT if self._refund.next_check_at is None:
                await self._call("channel.refund", command)
            case _:
                await self._wait_and_ask(command)

    async def _wait_and_ask(self, command: RefundCommand) -> None:
        self._tell("the channel's word on the refund")
        due = self._refund.next_check_at or workflow.now()
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._called,
                timeout=max(due - workflow.now(), timedelta(0)),
                timeout_summary="next question to the channel",
            )
        self._called = False
        if self._refund.leg_state is not LegState.INTENT:
            await self._call("channel.refund_query", command)
        if self._refund.leg_state in {LegState.INTENT, LegState.UNKNOWN}:
            # The same number again; where the channel does not make that safe, the activity only asks.
            await self._call("channel.refund", command)

    async def _call(self, name: str, command: RefundCommand) -> None:
        try:
            answer = await call_channel(
                name,
                command,
                RefundView,
                channel=self._refund.channel,
                call_timeout_s=CALL_TIMEOUT_S,
                until=timing.REFUND_CALL_LIMIT,
                summary=f"{self._refund.channel} {self._refund.out_refund_no}",
            )
        except FailureError as error:
            if not timed_out(error):
                raise undecided(error) from error
            answer = await local("refund.open", command, RefundView)
        self._keep(answer)

    async def _end(self, name: str, command: RefundCommand) -> None:
        self._keep(await forward(lambda: local_quietly(name, command, RefundView), self._flag))

    async def _flag(self, reason: str) -> None:
        workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(True)])
        self._tell(f"a step that fails ({reason}) and is tried again")

    @workflow.signal
    def callback(self, callback_id: str) -> None:  # noqa: ARG002 - the row is a hint: the query decides
        """The channel called about this refund: it is asked at once."""
        self._called = True

    @workflow.query
    def refund(self) -> RefundView:
        """The refund as the workflow last saw it."""
        return self._refund

    @property
    def _refund(self) -> RefundView:
        if self._view is None:
            raise RuntimeError("the refund is not open yet")
        return self._view

    def _keep(self, view: RefundView) -> None:
        newly_flagged = view.needs_attention and not (self._view is not None and self._view.needs_attention)
        self._view = view
        if newly_flagged:
            workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(True)])

    def _tell(self, waits_for: str) -> None:
        refund = self._refund
        workflow.set_current_details(
            f"Refund of {refund.amount_minor} (minor units of {refund.currency}), origin {refund.origin}: "
            f"**{refund.state}** ({refund.certainty}), leg {refund.leg_state}.\n\n"
            f"Of payment `{refund.payment_id}`. Waits for: {waits_for}."
        )
