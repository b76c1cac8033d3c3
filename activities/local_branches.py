"""Several local participants in one transaction, as one activity whose name lists them: `inventory+funds.try`."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.participants import Participant
from domain.commands import BranchesCommand, PaymentView
from domain.states import PaymentState
from store import payments
from store.database import Database


class LocalBranches:
    """Runs a phase over the participants a command names, in the order they are given here: that is the lock order."""

    def __init__(self, database: Database, participants: Sequence[Participant]) -> None:
        self._database = database
        self._participants = {participant.name: participant for participant in participants}

    async def try_(self, command: BranchesCommand) -> None:
        """One transaction: all of them hold, or the first refusal undoes all."""
        async with self._database.transaction(_step(command, "try"), command.payment_id) as session:
            for participant in self._named(command):
                await participant.try_(session, command.payment_id)

    async def hold(self, session: AsyncSession, view: PaymentView) -> PaymentView:
        """In the caller's transaction: all that a payment needs hold, unless it is on its way to an end; says if so."""
        undecided = view.state.before_pivot and view.state is not PaymentState.CLOSING and view.failure_code is None
        if not undecided or not view.holders:
            return view
        for name in view.holders:
            await self._participants[name].try_(session, view.payment_id)
        return view.model_copy(update={"holds": True})

    async def confirm(self, command: BranchesCommand) -> PaymentView:
        """One transaction: all have confirmed; with `finish` the payment is `succeeded` and its event written."""
        async with self._database.transaction(_step(command, "confirm"), command.payment_id) as session:
            for participant in self._named(command):
                await participant.confirm(session, command.payment_id)
            if not command.finish:
                return await payments.require_view(session, command.payment_id)
            return await payments.succeed(session, command.payment_id)

    async def cancel(self, command: BranchesCommand) -> None:
        """One transaction: the one participant named has let go."""
        async with self._database.transaction(_step(command, "cancel"), command.payment_id) as session:
            for participant in self._named(command):
                await participant.cancel(session, command.payment_id)

    def activities(self) -> list[Callable[..., Any]]:
        """One activity for each phase of each set of participants, so that the Temporal UI names who takes part."""
        phases = (("try", self.try_), ("confirm", self.confirm), ("cancel", self.cancel))
        return [_named_activity(f"{'+'.join(names)}.{phase}", run) for names in self._sets() for phase, run in phases]

    def _named(self, command: BranchesCommand) -> list[Participant]:
        return [one for name, one in self._participants.items() if name in command.participants]

    def _sets(self) -> list[tuple[str, ...]]:
        names = tuple(self._participants)
        return [chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size)]


def _step(command: BranchesCommand, phase: str) -> str:
    return f"{'+'.join(command.participants)}.{phase}"


def _named_activity(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of the method that Temporal knows by this name."""

    async def step(command: BranchesCommand) -> PaymentView | None:
        result: PaymentView | None = await run(command)
        return result

    step.__doc__ = run.__doc__
    defined: Callable[..., Any] = activity.defn(name=name)(step)
    return defined
