"""What a payment or top-up holds and decides in our own database, as the coordinator sees it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.states import PaymentState
    from workflows.collection import Collection
    from workflows.failures import Refusal
    from workflows.payment_steps import PaymentSteps
    from workflows.tcc import Decision

_FORWARD = frozenset({PaymentState.CONFIRMING, PaymentState.SUCCEEDED})
_UNDONE = frozenset({PaymentState.CLOSING, PaymentState.CLOSED, PaymentState.FAILED})


class HeldBranches:
    """The participants in our own database: stock when there are lines, and the book always."""

    def __init__(self, steps: PaymentSteps) -> None:
        self._steps = steps

    def names(self) -> tuple[str, ...]:
        """In lock order: inventory before funds."""
        return ("inventory", "funds") if self._steps.payment.has_lines else ("funds",)

    async def try_(self) -> None:
        """Stock is reserved and the balance part held, in one transaction; nothing to hold is no step."""
        names = tuple(name for name in self.names() if name != "funds" or self._holds_balance())
        if names:
            await self._steps.try_branches(names)

    async def confirm(self) -> None:
        """Stock is deducted, the payment posted and `succeeded`, in one transaction."""
        await self._steps.confirm_branches(self.names())

    async def cancel(self, name: str) -> None:
        """What this participant held is free again."""
        if name != "funds" or self._holds_balance():
            await self._steps.cancel_branch(name)

    def _holds_balance(self) -> bool:
        return self._steps.payment.balance_minor > 0


class PaymentRecord:
    """The payment's committed decisions: its state, its refusal, its terminal row."""

    def __init__(self, steps: PaymentSteps, collection: Collection) -> None:
        self._steps = steps
        self._collection = collection

    def decision(self) -> Decision:
        """Confirming means forward; closing or a kept refusal means undo; an end says how it was decided."""
        payment = self._steps.payment
        if payment.state in _FORWARD:
            return Decision.CONFIRM
        undo = payment.state in _UNDONE or payment.failure_code is not None
        return Decision.CANCEL if undo else Decision.OPEN

    async def pivot(self) -> None:
        """The channel's `paid` has moved the payment already; a payment by balance alone is moved here."""
        if self._steps.payment.state is not PaymentState.CONFIRMING:
            await self._steps.pivot()

    async def refuse(self, refusal: Refusal) -> None:
        """The refusal is kept."""
        await self._steps.refuse(refusal)

    async def stop(self) -> None:
        """The payment is closing; it may be so already, with a reason of its own."""
        if self._steps.payment.state is not PaymentState.CLOSING:
            await self._steps.close(self._collection.close_reason)

    async def finish(self, decision: Decision) -> None:
        """The terminal row; after a confirm it was written with the last branch."""
        if decision is Decision.CANCEL:
            await self._steps.finish()

    async def flag(self, reason: str) -> None:
        """A person is told, in the row and in the Temporal UI."""
        if not self._steps.payment.needs_attention:
            await self._steps.flag(reason)
