"""The TCC coordinator that every saga shares: try all, decide once, then confirm all or cancel all (laws 3 to 7).

The decision is a committed row, so a coordinator that starts again with an empty history reads it and goes on. Undo is
owed to every branch from the moment the first try may run; cancelling what was never tried leaves a tombstone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from workflows import timing
from workflows.failures import Refusal, describe, refusal_of, timed_out, undecided

Answer = TypeVar("Answer")


class Decision(StrEnum):
    """What was decided of a saga: nothing yet, undo, or go forward for ever."""

    OPEN = "open"
    CANCEL = "cancel"
    CONFIRM = "confirm"


class Stopped(Exception):
    """The sending branch ended without a result: expired, or asked to close. The record knows why."""


class Ended(Exception):
    """The rows show the saga's end already: they are ahead of a history that was wound back."""


class LocalGroup(Protocol):
    """The branches in our own database: tried in one transaction, confirmed in one, cancelled one by one."""

    def names(self) -> Sequence[str]:
        """The participants, in lock order."""
        ...

    async def try_(self) -> None:
        """All are held, or the step fails and none is."""
        ...

    async def confirm(self) -> None:
        """All are confirmed; `record.finish` may ride in the same transaction."""
        ...

    async def cancel(self, name: str) -> None:
        """The one named is released, or barred by a tombstone."""
        ...


class SendingBranch(Protocol):
    """The branch that leaves the house; it is tried last, because a send cannot be taken back."""

    name: str

    async def try_(self) -> None:
        """The outside has done it; raises Refusal when it never will, Stopped when we gave up waiting, Ended."""
        ...

    async def cancel(self) -> bool:
        """True when the outside is proven (or presumed, and watched) unable to do it; False when it turned out done.

        Raises Ended.
        """
        ...

    async def confirm(self) -> None:
        """What remains to be said to the outside after the pivot."""
        ...


class Record(Protocol):
    """The saga's committed decisions."""

    def decision(self) -> Decision:
        """What the rows say was decided."""
        ...

    async def pivot(self) -> None:
        """The move after which there is only forward; a no-op when it is committed already."""
        ...

    async def refuse(self, refusal: Refusal) -> None:
        """The refusal and its code are kept before anything is undone."""
        ...

    async def stop(self) -> None:
        """The saga turns to closing; the reason is the record's."""
        ...

    async def finish(self, decision: Decision) -> None:
        """The terminal row is written."""
        ...

    async def flag(self, reason: str) -> None:
        """`needs_attention` is shown, with an owner."""
        ...


class Saga:
    """One run of the protocol over a local group, at most one sending branch, and the record of decisions."""

    def __init__(self, *, local: LocalGroup, sender: SendingBranch | None, record: Record) -> None:
        self._local = local
        self._sender = sender
        self._record = record

    async def run(self) -> Decision:
        """The saga has ended, and its terminal row says how; a failure that decides nothing stalls it."""
        try:
            return await self._run()
        except Ended:
            return self._record.decision()
        except FailureError as error:
            raise undecided(error) from error

    async def _run(self) -> Decision:
        decision = self._record.decision()
        if decision is Decision.OPEN:
            decision = await self._try_all()
        if decision is Decision.CANCEL:
            decision = await self._cancel_all()
        if decision is Decision.CONFIRM:
            await self._confirm_all()
        await forward(lambda: self._record.finish(decision), self._record.flag)
        return decision

    async def _try_all(self) -> Decision:
        try:
            if self._local.names():
                await _sorted_failures(self._local.try_)
            if self._sender is not None:
                await _sorted_failures(self._sender.try_)
        except Refusal as refusal:
            await self._record.refuse(refusal)
            return Decision.CANCEL
        except Stopped:
            await self._record.stop()
            return Decision.CANCEL
        await self._record.pivot()
        return Decision.CONFIRM

    async def _cancel_all(self) -> Decision:
        """The sender first: what is held inside is let go only when the outside can no longer be paid (design, 3)."""
        if self._sender is not None and not await self._sender.cancel():
            return Decision.CONFIRM
        await asyncio.gather(*(self._cancel_local(name) for name in self._local.names()))
        return Decision.CANCEL

    async def _cancel_local(self, name: str) -> None:
        await forward(lambda: self._local.cancel(name), self._record.flag)

    async def _confirm_all(self) -> None:
        if self._sender is not None:
            await forward(self._sender.confirm, self._record.flag)
        if self._local.names():
            await forward(self._local.confirm, self._record.flag)


async def forward(step: Callable[[], Awaitable[Answer]], flag: Callable[[str], Awaitable[None]]) -> Answer:
    """The step's answer, however long it takes: failures are flagged, never turned into another end (law 6)."""
    pause = timing.FORWARD_PAUSE
    while True:
        try:
            return await step()
        except FailureError as error:
            await _flag_if_possible(flag, describe(error))
        await workflow.sleep(pause, summary="a step after the decision failed; it is tried again")
        pause = min(pause * 2, timing.FORWARD_PAUSE_MAX)


async def _flag_if_possible(flag: Callable[[str], Awaitable[None]], reason: str) -> None:
    """The flag needs the database that may be the very thing that is down: then the next failure flags again."""
    try:
        await flag(f"step_failing:{reason}")
    except FailureError as error:
        workflow.logger.warning("could not flag: %s", describe(error))


async def _sorted_failures(step: Callable[[], Awaitable[None]]) -> None:
    """Law 7: a business refusal compensates, the deadline stops; anything else decides nothing and stalls in `run`."""
    try:
        await step()
    except FailureError as error:
        if refusal := refusal_of(error):
            raise refusal from error
        if timed_out(error):
            raise Stopped from error
        raise
