"""Money that came wrongly is given back by workflows of its own, which outlive whoever found it."""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from domain.commands import PaymentView
    from domain.outgoing import RefundCommand


async def start_refunds(payment: PaymentView) -> None:
    """Every refund that is due on the payment has its workflow."""
    for refund_id in payment.refunds_due:
        await _start(RefundCommand(refund_id=refund_id, merchant_id=payment.merchant_id))


async def _start(command: RefundCommand) -> None:
    try:
        await workflow.start_child_workflow(
            "Refund",
            command,
            id=command.refund_id,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("the refund runs already")
