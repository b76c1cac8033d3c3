"""Paths that need two things in the same moment: each ends as its rows say, and has a history that replays."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper

from domain.commands import PaymentAnswer, PaymentCommand, SwitchCommand, WatchCommand, WatchItem
from domain.ids import new_id
from domain.outgoing import PayoutCommand, RefundCommand
from domain.states import AttemptState, Invoke, PaymentState
from tests.support.centre import Centre
from tests.support.histories import replays
from tests.workflows.scripted import AWAY, BUG, DOWN, Script, Stage, new_stage, playing
from workflows.payment import PaymentWorkflow
from workflows.payout import PayoutWorkflow
from workflows.refund import RefundWorkflow
from workflows.watch import WatchWorkflow

SWITCH = SwitchCommand(channel="sim", invoke=Invoke.QR)
ENDS_WITHIN_S = 60
CONFIRM = "inventory.confirm"
_PAYOUT = {"payout_id": "p", "out_no": "P", "merchant_id": "mer_1", "amount_minor": 1, "currency": "CNY"}
_REFUND = {"refund_id": "r", "payment_id": "p", "origin": "merchant", "out_refund_no": "R", "merchant_id": "mer_1"}

Payment = WorkflowHandle[PaymentWorkflow, PaymentAnswer]


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_").replace("_", "-")


@pytest.fixture
def stage(centre: Centre, path: str) -> Stage:
    return new_stage(centre.temporal, path)


async def started(stage: Stage) -> Payment:
    """A payment of this stage."""
    payment_id = new_id("pay")
    command = PaymentCommand(payment_id=payment_id, merchant_id="mer_1")
    return await stage.client.start_workflow(PaymentWorkflow.run, command, id=payment_id, task_queue=stage.queue)


async def end_of(stage: Stage, payment: Payment) -> PaymentState:
    """The state in which it ended; its history replays."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        answer = await payment.result()
    await replays(stage.client, payment.id, stage.path)
    return answer.state


async def refusal(payment: Payment, update: Any, *arguments: Any) -> str | None:  # noqa: ANN401
    """The code with which the update was refused."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await payment.execute_update(update, *arguments)
    assert isinstance(refused.value.cause, ApplicationError)
    return refused.value.cause.type


def paid(stage: Stage) -> Script:
    """What follows the pivot."""
    succeeded = stage.payment(PaymentState.SUCCEEDED, AttemptState.PAID)
    return {CONFIRM: [succeeded], "inventory+funds.confirm": [succeeded]}


async def test_a_close_that_the_payer_outran_is_refused(stage: Stage) -> None:
    """The row says paid when the close is committed: the payment succeeds."""
    waits = stage.payment(PaymentState.AWAITING_PAYER, AttemptState.WAITING)
    confirming = stage.payment(PaymentState.CONFIRMING, AttemptState.PAID)
    async with playing(stage, {**paid(stage), "payment.open": [waits], "payment.close": [confirming]}):
        payment = await started(stage)
        assert "payment_already_paid" == await refusal(payment, PaymentWorkflow.close)
        assert PaymentState.SUCCEEDED == await end_of(stage, payment)


async def test_a_switch_that_finds_the_payment_paid_is_refused(stage: Stage) -> None:
    """The attempt is asked about before it is closed, and the channel says paid."""
    waits = stage.payment(PaymentState.AWAITING_PAYER, AttemptState.WAITING)
    confirming = stage.payment(PaymentState.CONFIRMING, AttemptState.PAID)
    async with playing(stage, {**paid(stage), "payment.open": [waits], "channel.query": [confirming]}):
        payment = await started(stage)
        assert "payment_already_paid" == await refusal(payment, PaymentWorkflow.switch, SWITCH)
        assert PaymentState.SUCCEEDED == await end_of(stage, payment)


async def test_nothing_switches_while_the_outcome_is_unknown(stage: Stage) -> None:
    """Law 10: unknown never switches; then the channel calls, and the payment succeeds."""
    unknown = stage.payment(PaymentState.PENDING, AttemptState.UNKNOWN)
    confirming = stage.payment(PaymentState.CONFIRMING, AttemptState.PAID)
    async with playing(stage, {**paid(stage), "payment.open": [unknown], "channel.callback": [confirming]}):
        payment = await started(stage)
        assert "switch_unsafe" == await refusal(payment, PaymentWorkflow.switch, SWITCH)
        await payment.signal(PaymentWorkflow.callback, "cbk_1")
        assert PaymentState.SUCCEEDED == await end_of(stage, payment)


async def test_rows_that_are_ahead_of_the_history_end_the_payment(stage: Stage) -> None:
    """An operator wound the history back: the callback finds the payment at its end already."""
    waits = stage.payment(PaymentState.AWAITING_PAYER, AttemptState.WAITING)
    async with playing(stage, {**paid(stage), "payment.open": [waits], "channel.callback": paid(stage)[CONFIRM]}):
        payment = await started(stage)
        await payment.signal(PaymentWorkflow.callback, "cbk_1")
        assert PaymentState.SUCCEEDED == await end_of(stage, payment)


async def test_a_switch_of_an_attempt_that_was_replaced_is_answered_once(stage: Stage) -> None:
    """To the same channel it is done already; to another one somebody else was faster."""
    waits = stage.payment(PaymentState.AWAITING_PAYER, AttemptState.WAITING)
    async with playing(stage, {**paid(stage), "payment.open": [waits], "channel.callback": paid(stage)[CONFIRM]}):
        payment = await started(stage)
        again = SwitchCommand(channel=stage.channel, invoke=Invoke.QR, replaces="out-0")
        assert PaymentState.AWAITING_PAYER == (await payment.execute_update(PaymentWorkflow.switch, again)).state
        other = again.model_copy(update={"channel": "other"})
        assert "switch_unsafe" == await refusal(payment, PaymentWorkflow.switch, other)
        await payment.signal(PaymentWorkflow.callback, "cbk_1")
        assert PaymentState.SUCCEEDED == await end_of(stage, payment)


async def test_a_closing_payment_takes_no_switch_and_hears_the_channel(stage: Stage) -> None:
    """Between two rounds of closing the channel calls: the order is closed there."""
    closing = stage.payment(PaymentState.CLOSING, AttemptState.WAITING)
    proven = stage.payment(PaymentState.CLOSING, AttemptState.CLOSED)
    closed = stage.payment(PaymentState.CLOSED, AttemptState.CLOSED)
    unchanged: Script = {name: [closing] for name in ("payment.open", "channel.query", "channel.close")}
    async with playing(stage, {**unchanged, "channel.callback": [proven], "payment.finish": [closed]}):
        payment = await started(stage)
        assert "payment_ended" == await refusal(payment, PaymentWorkflow.switch, SWITCH)
        await payment.signal(PaymentWorkflow.callback, "cbk_1")
        assert PaymentState.CLOSED == await end_of(stage, payment)


async def test_a_send_that_finds_no_worker_ends_with_the_payments_time(stage: Stage) -> None:
    """Nothing was sent: the send is forbidden, and the payment closed."""
    intent = stage.payment(PaymentState.PENDING, AttemptState.INTENT)
    closing = stage.payment(PaymentState.CLOSING, AttemptState.INTENT)
    forbidden = stage.payment(PaymentState.CLOSING, AttemptState.NEVER_SENT)
    closed = stage.payment(PaymentState.CLOSED, AttemptState.NEVER_SENT)
    script: Script = {"payment.open": [intent], "channel.pay": [AWAY], "payment.close": [closing]}
    async with playing(stage, {**script, "channel.forbid": [forbidden], "payment.finish": [closed]}):
        assert PaymentState.CLOSED == await end_of(stage, await started(stage))


async def test_a_question_that_finds_no_worker_taught_nothing(stage: Stage) -> None:
    """It is asked again, here by the next poll."""
    closing = stage.payment(PaymentState.CLOSING, AttemptState.WAITING)
    closed = stage.payment(PaymentState.CLOSED, AttemptState.CLOSED)
    script: Script = {"payment.open": [closing], "channel.query": [AWAY, closing], "channel.close": [closed]}
    async with playing(stage, {**script, "payment.finish": [closed]}):
        assert PaymentState.CLOSED == await end_of(stage, await started(stage))


async def test_a_declined_attempt_leaves_the_payer_another_way_until_the_close(stage: Stage) -> None:
    """Nothing is open at the channel: the payment waits, and closes without asking."""
    declined = stage.payment(PaymentState.AWAITING_PAYER, AttemptState.DECLINED)
    closing = stage.payment(PaymentState.CLOSING, AttemptState.DECLINED)
    closed = stage.payment(PaymentState.CLOSED, AttemptState.DECLINED)
    script: Script = {"payment.open": [declined], "payment.close": [closing], "payment.finish": [closed]}
    async with playing(stage, script):
        payment = await started(stage)
        await payment.execute_update(PaymentWorkflow.close)
        assert PaymentState.CLOSED == await end_of(stage, payment)


async def test_a_hold_that_is_out_of_time_closes_the_payment(stage: Stage) -> None:
    """Law 7: a database that is away decides nothing, the payment's own deadline does."""
    intent = stage.payment(PaymentState.PENDING, AttemptState.INTENT, expires_at=datetime.now(UTC))
    forbidden = stage.payment(PaymentState.CLOSING, AttemptState.NEVER_SENT)
    closed = stage.payment(PaymentState.CLOSED, AttemptState.NEVER_SENT)
    tries: Script = {"inventory.try": [DOWN], "inventory+funds.try": [DOWN]}
    script: Script = {"payment.open": [intent], **tries, "payment.close": [forbidden], "payment.finish": [closed]}
    async with playing(stage, script):
        assert PaymentState.CLOSED == await end_of(stage, await started(stage))


async def test_a_payments_confirm_that_fails_is_flagged_and_goes_on(centre: Centre, path: str) -> None:
    """Also where the row is out of reach; then the confirm succeeds all the same."""
    stage = new_stage(TimeSkipper(centre.temporal).client, path)
    confirming = stage.payment(PaymentState.CONFIRMING, AttemptState.PAID)
    flagged = stage.payment(PaymentState.CONFIRMING, AttemptState.PAID, needs_attention=True)
    confirms: Script = {name: [BUG, BUG, *ends] for name, ends in paid(stage).items()}
    script: Script = {**confirms, "payment.open": [confirming], "payment.flag": [BUG, flagged]}
    async with playing(stage, script):
        assert PaymentState.SUCCEEDED == await end_of(stage, await started(stage))


async def test_a_payout_whose_call_finds_no_worker_is_read_again(stage: Stage) -> None:
    """The row knows what became of it."""
    sending = {**_PAYOUT, "channel": stage.channel, "leg_state": "intent", "state": "processing"}
    known = {**sending, "leg_state": "known_ok"}
    script: Script = {"payout.open": [sending, known], "channel.transfer": [AWAY]}
    payout_id = new_id("pout")
    command = PayoutCommand(payout_id=payout_id, merchant_id="mer_1")
    async with playing(stage, {**script, "payout.confirm": [{**known, "state": "succeeded"}]}):
        async with asyncio.timeout(ENDS_WITHIN_S):
            ended = await stage.client.execute_workflow(
                PayoutWorkflow.run, command, id=payout_id, task_queue=stage.queue
            )
    assert ended is not None
    assert "succeeded" == ended.state
    await replays(stage.client, payout_id, stage.path)


async def test_a_refund_that_runs_already_is_not_started_twice(stage: Stage) -> None:
    """Whoever found the money first has started it."""
    refund_id = new_id("ref")
    refunded = {**_REFUND, "channel": None, "leg_state": "known_ok", "amount_minor": 1, "currency": "CNY"}
    due = stage.payment(PaymentState.CLOSED, AttemptState.PAID_LATE, refunds_due=(refund_id,))
    script: Script = {"refund.open": [{**refunded, "state": "succeeded"}], "payment.open": [due]}
    command = RefundCommand(refund_id=refund_id, merchant_id="mer_1")
    async with playing(stage, script):
        await stage.client.execute_workflow(RefundWorkflow.run, command, id=refund_id, task_queue=stage.queue)
        assert PaymentState.CLOSED == await end_of(stage, await started(stage))


async def test_the_watch_reminds_who_runs_and_leaves_who_is_gone(stage: Stage) -> None:
    """A callback that nobody applied is signalled again; what cannot be signalled waits for the sweeper."""
    waits = stage.payment(PaymentState.AWAITING_PAYER, AttemptState.WAITING)
    confirming = stage.payment(PaymentState.CONFIRMING, AttemptState.PAID)
    about = {"merchant_id": "mer_1", "out_no": "out-1", "channel": stage.channel, "channel_account_id": "cha_1"}
    due: dict[str, list[WatchItem]] = {"items": []}
    script: Script = {**paid(stage), "payment.open": [waits], "channel.callback": [confirming], "watch.due": [due]}
    async with playing(stage, script):
        payment = await started(stage)
        due["items"] += [
            WatchItem(object_id=object_id, callback_id="cbk_1", ended=False, **about)
            for object_id in (payment.id, new_id("pay"))
        ]
        watch_id = new_id("watch")
        looked_at = await stage.client.execute_workflow(
            WatchWorkflow.run, WatchCommand(), id=watch_id, task_queue=stage.queue
        )
        assert 2 == looked_at
        assert PaymentState.SUCCEEDED == await end_of(stage, payment)
    await replays(stage.client, watch_id, f"{stage.path}-watch")
