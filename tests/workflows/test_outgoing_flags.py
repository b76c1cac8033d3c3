"""A step after the decision that keeps failing: the row asks for a person, until the step succeeds."""

import asyncio
from typing import Any

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment, TimeSkipper
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.flagging import Flagging
from domain.ids import new_id
from domain.outgoing import FlagCommand
from domain.states import PayoutState
from tests.support.centre import Centre
from tests.support.histories import replayer
from tests.support.payee import as_operator, fund_at_channel, pay_out, payout_until, set_rule
from tests.support.shop import Shop
from workflows.payout import PayoutWorkflow
from workflows.refund import RefundWorkflow

ENDS_WITHIN_S = 20
_OF_KIND = {
    "refund": {"refund_id": "r", "payment_id": "p", "origin": "merchant", "out_refund_no": "R"},
    "payout": {"payout_id": "p", "out_no": "P"},
}


@pytest.mark.parametrize(("workflow", "kind"), [(RefundWorkflow, "refund"), (PayoutWorkflow, "payout")])
async def test_a_confirm_that_fails_is_flagged_on_the_row(centre: Centre, workflow: Any, kind: str) -> None:  # noqa: ANN401
    """Once for each failure, also where the row is out of reach; then the confirm succeeds all the same."""
    rows = Rows(kind, failures=2)
    client, queue, object_id = TimeSkipper(centre.temporal).client, new_id("flags"), new_id(kind)
    async with Worker(
        client,
        task_queue=queue,
        workflows=[workflow],
        activities=rows.steps(),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        command = {f"{kind}_id": object_id, "merchant_id": "mer_1"}
        async with asyncio.timeout(ENDS_WITHIN_S):
            ended = await client.execute_workflow(workflow.run, command, id=object_id, task_queue=queue)
    assert ("succeeded", False) == (ended.state, ended.needs_attention)
    assert [(object_id, True), (object_id, True)] == [(one.object_id, "KeyError" in one.reason) for one in rows.flagged]
    await replayer().replay_workflow(await client.get_workflow_handle(object_id).fetch_history())


async def test_a_flag_stands_once_and_never_on_what_has_ended(shop: Shop) -> None:
    """Of a payout as of a refund: reason and owner, one version more."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", approval_above_minor=1)
    started = await pay_out(shop)
    flag, command = Flagging(shop.centre.database).payout, FlagCommand(object_id=started["id"], reason="step_failing:x")
    for _ in range(2):
        assert (await ActivityEnvironment().run(flag, command)).needs_attention
    flagged = await shop.get(f"/v1/payouts/{started['id']}")
    assert ({"reason": "step_failing:x", "owner": "operations"}, started["version"] + 1) == (
        flagged["attention"],
        flagged["version"],
    )
    await as_operator(shop, "POST", f"/v1/payouts/{started['id']}/decision", {"decision": "reject", "reason": "no"})
    ended = await payout_until(shop, started["id"], PayoutState.REJECTED)
    assert not (await ActivityEnvironment().run(flag, command)).needs_attention
    assert ended == await shop.get(f"/v1/payouts/{started['id']}")


class Rows:
    """The steps of one refund or payout whose channel leg is proven, and whose confirm fails so often."""

    def __init__(self, kind: str, *, failures: int) -> None:
        self._kind = kind
        self._failures = failures
        self.flagged: list[FlagCommand] = []

    def steps(self) -> list[Any]:
        """By the names that the workflow calls."""

        @activity.defn(name=f"{self._kind}.open")
        async def read(command: dict[str, str]) -> dict[str, Any]:  # noqa: ARG001 - there is one
            return self._view("processing")

        @activity.defn(name=f"{self._kind}.confirm")
        async def confirm(command: dict[str, str]) -> dict[str, Any]:  # noqa: ARG001 - there is one
            if self._failures:
                self._failures -= 1
                raise ApplicationError("a bug", type="KeyError", non_retryable=True)
            return self._view("succeeded")

        @activity.defn(name=f"{self._kind}.flag")
        async def flag(command: FlagCommand) -> dict[str, Any]:
            self.flagged.append(command)
            if len(self.flagged) == 1:
                raise ApplicationError("out of reach", type="OperationalError", non_retryable=True)
            return {**self._view("processing"), "needs_attention": True}

        return [read, confirm, flag]

    def _view(self, state: str) -> dict[str, Any]:
        leg = {"merchant_id": "mer_1", "channel": "sim", "leg_state": "known_ok", "amount_minor": 1, "currency": "CNY"}
        return {**leg, **_OF_KIND[self._kind], "state": state}
