"""Money that goes from one account to another."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.outgoing import OperationAnswer, TransferCommand, TransferView
    from workflows.attributes import list_end
    from workflows.failures import Refusal, refusal_of, undecided
    from workflows.shield import finish_despite_cancel
    from workflows.steps import local


@workflow.defn(name="Transfer")
class TransferWorkflow:
    """One step, one transaction, which is also the pivot: the transfer is posted, or it was refused and never was."""

    @workflow.init
    def __init__(self, command: TransferCommand) -> None:
        self._command = command
        self._view: TransferView | None = None
        self._refused: Refusal | None = None

    @workflow.run
    async def run(self, command: TransferCommand) -> TransferView | None:  # noqa: ARG002 - `__init__` has read it
        """The transfer has succeeded; None when it was refused. Cancel in the UI changes nothing."""
        await finish_despite_cancel(self._drive(), lambda: None)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._view

    async def _drive(self) -> None:
        try:
            self._view = await local("transfer.post", self._command, TransferView)
        except FailureError as error:
            self._refused = refusal_of(error)
            if self._refused is None:
                raise undecided(error) from error
            workflow.set_current_details(f"Refused: {self._refused.code}. Nothing was transferred.")
            return
        list_end(self._view.state)

    @workflow.update
    async def accepted(self) -> OperationAnswer:
        """The transfer is posted, or it was refused and never will be."""
        await workflow.wait_condition(lambda: self._view is not None or self._refused is not None)
        object_id = self._command.transfer_id
        if self._refused is None:
            return OperationAnswer(object_id=object_id)
        return OperationAnswer(
            object_id=object_id, refused_code=self._refused.code, refused_detail=self._refused.detail
        )
