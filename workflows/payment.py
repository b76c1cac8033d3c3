"""One payment, from the door to the books."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.commands import PaymentAnswer, PaymentCommand
    from workflows.collecting import Collecting


@workflow.defn(name="Payment")
class PaymentWorkflow(Collecting):
    """Stock and balance are held, the channel collects. Pivot: the committed move to `confirming`."""

    @workflow.init
    def __init__(self, command: PaymentCommand) -> None:
        super().__init__(command)

    @workflow.run
    async def run(self, command: PaymentCommand) -> PaymentAnswer:  # noqa: ARG002 - `__init__` has read it
        """The payment is succeeded, closed or failed."""
        return await self.collect()
