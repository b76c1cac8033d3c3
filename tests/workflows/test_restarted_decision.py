"""A decision that meets a workflow which was just started again, and has not read its rows yet."""

from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from domain.outgoing import ApprovalCommand, PayoutCommand, RefundCommand
from domain.states import Approval
from tests.support.payee import fund_at_channel, pay_out, payout_until, set_rule
from tests.support.refunds import Refunds
from tests.support.shop import Shop
from workflows.payout import PayoutWorkflow
from workflows.refund import RefundWorkflow


async def test_a_decision_waits_until_the_refund_is_read(shop: Shop) -> None:
    """Then it stands; the same decision about one that has ended is refused."""
    refunds = Refunds(shop)
    await refunds.rule(approval_above_minor=0)
    paid = await refunds.paid()
    started = await refunds.start(paid["id"], 1_000)
    command = RefundCommand(refund_id=started["id"], merchant_id=shop.merchant_id)
    await shop.centre.temporal.get_workflow_handle(started["id"]).terminate()
    await _decide_at_start(shop, RefundWorkflow, command, started["id"])
    await refunds.until(started["id"], "succeeded")
    await _refused_at_start(shop, RefundWorkflow, command, started["id"])
    await refunds.sound()


async def test_a_decision_waits_until_the_payout_is_read(shop: Shop) -> None:
    """As it does for a refund."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", approval_above_minor=1)
    started = await pay_out(shop)
    command = PayoutCommand(payout_id=started["id"], merchant_id=shop.merchant_id)
    await shop.centre.temporal.get_workflow_handle(started["id"]).terminate()
    await _decide_at_start(shop, PayoutWorkflow, command, started["id"])
    await payout_until(shop, started["id"], "succeeded")
    await _refused_at_start(shop, PayoutWorkflow, command, started["id"])


async def _refused_at_start(shop: Shop, workflow: Any, command: BaseModel, object_id: str) -> None:  # noqa: ANN401
    await shop.centre.temporal.get_workflow_handle(object_id).result()  # its row has ended a moment before
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await _decide_at_start(shop, workflow, command, object_id)
    assert isinstance(refused.value.cause, ApplicationError)
    assert "not_awaiting_approval" == refused.value.cause.type


async def _decide_at_start(shop: Shop, workflow: Any, command: BaseModel, object_id: str) -> None:  # noqa: ANN401
    """The decision comes with the very first task of the new run."""
    start = WithStartWorkflowOperation(
        workflow.run,
        command,
        id=object_id,
        task_queue="saga",
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    decision = ApprovalCommand(object_id=object_id, decision=Approval.APPROVED)
    await shop.centre.temporal.execute_update_with_start_workflow(
        workflow.decide, decision, start_workflow_operation=start
    )
