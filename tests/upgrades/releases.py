"""Two later releases: the same payment, read once more before it is driven; one is patched, the other is not.

python -m tests.upgrades.releases patched --queues saga
"""

import sys
from collections.abc import Sequence
from typing import Any

from temporalio import workflow

import worker
from tests.support.worker_process import Release
from workflows.payment import PaymentWorkflow

with workflow.unsafe.imports_passed_through():
    from domain.commands import PaymentAnswer, PaymentCommand
    from workflows.collecting import Collecting

CHANGE = "payment-read-twice"


@workflow.defn(name="Payment")
class ChangedPaymentWorkflow(Collecting):
    """A history of today's payment does not fit this one: it has one step more."""

    @workflow.init
    def __init__(self, command: PaymentCommand) -> None:
        super().__init__(command)

    @workflow.run
    async def run(self, command: PaymentCommand) -> PaymentAnswer:  # noqa: ARG002 - `__init__` has read it
        """The payment is read twice, then driven as it is today."""
        await self._steps.open()
        return await self.collect()


@workflow.defn(name="Payment")
class PatchedPaymentWorkflow(Collecting):
    """The same change, for those payments that begin with it."""

    @workflow.init
    def __init__(self, command: PaymentCommand) -> None:
        super().__init__(command)

    @workflow.run
    async def run(self, command: PaymentCommand) -> PaymentAnswer:  # noqa: ARG002 - `__init__` has read it
        """A payment that began before the change goes on as it began."""
        if workflow.patched(CHANGE):
            await self._steps.open()
        return await self.collect()


PAYMENTS = {"worker.py": PaymentWorkflow, "changed": ChangedPaymentWorkflow, "patched": PatchedPaymentWorkflow}


def later(change: str, *, version: str = "") -> Release:
    """The release whose payments are `changed` or `patched`."""
    return Release(program=("-m", "tests.upgrades.releases", change), version=version)


def workflows_of(release: Release) -> Sequence[type[Any]]:
    """What its workers run: today's workflows, and its own of a payment."""
    return (PAYMENTS[release.program[-1]], *(each for each in worker.WORKFLOWS if each is not PaymentWorkflow))


if __name__ == "__main__":
    worker.main(workflows_of(later(sys.argv.pop(1))))
