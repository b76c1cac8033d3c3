"""One top-up: a payment whose money goes into a wallet."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.commands import PaymentAnswer, PaymentCommand
    from workflows.collecting import Collecting


@workflow.defn(name="TopUp")
class TopUpWorkflow(Collecting):
    """Nothing is held, the channel collects. Pivot: the committed move to `confirming`."""

    @workflow.init
    def __init__(self, command: PaymentCommand) -> None:
        super().__init__(command)

    @workflow.run
    async def run(self, command: PaymentCommand) -> PaymentAnswer:  # noqa: ARG002 - `__init__` has read it
        """The top-up is succeeded, closed or failed."""
        return await self.collect()
