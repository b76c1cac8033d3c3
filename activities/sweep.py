"""The sweeper: decides by `describe` and the row, never by a list entry, because lists lag (law 11)."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import TextClause, text
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.search_attributes import MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO
from activities.stranded import Stranded, pinned_version
from activities.sweep_rows import ENDED, LOST_CLAIMS, LOST_OPERATIONS, OPEN, SweptObject
from domain.commands import PaymentCommand, SweepCommand, SweepCounts
from domain.outgoing import PayoutCommand, RefundCommand, TransferCommand
from store.clock import database_now
from store.database import Database
from store.operations import drop_operation

_log = structlog.get_logger("sweeper")

TASK_QUEUE = "saga"
KEY_AGE = timedelta(hours=1)
KEY_KEPT = timedelta(days=30)
#: So many of the list are compared with their rows at once.
LISTED_AT_ONCE = 500
#: A worker asks again at least once a minute, also when there is nothing to do.
SILENCE = timedelta(minutes=3)
KINDS_IN_WORDS = {
    "Payment": "payment",
    "TopUp": "top-up",
    "Refund": "refund",
    "Payout": "payout",
    "Transfer": "transfer",
}
_OF_OBJECTS = " OR ".join(f"WorkflowType = '{kind}'" for kind in KINDS_IN_WORDS)

_DROP = (
    text("DELETE FROM idempotency_key WHERE object_id = :id AND created_at < :before"),
    text("SELECT drop_operation(:id, :before)"),
    text("DELETE FROM order_claim WHERE payment_id = :id AND claimed_at < :before"),
    text(
        "DELETE FROM payment_request r WHERE payment_id = :id AND created_at < :before"
        " AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.id = r.payment_id)"
    ),
)
_FORGET_KEYS = text("DELETE FROM idempotency_key WHERE created_at < :before")
_PUBLISH = text(
    "INSERT INTO sweep_run (open_objects, started_again, open_workflows_of_ended_objects, dropped_keys)"
    " VALUES (:open_objects, :started_again, :open_workflows_of_ended_objects, :dropped_keys)"
)


class Sweep:
    """Compares, starts again, and publishes the counts."""

    def __init__(self, database: Database, client: Client, *, silence: timedelta = SILENCE) -> None:
        """`silence`: when the workers of a version have asked for nothing for so long, they are gone."""
        self._database = database
        self._client = client
        self._silence = silence

    @activity.defn(name="sweep.compare")
    async def compare(self, command: SweepCommand) -> SweepCounts:
        """Every open object older than the grace has a running workflow; lost keys are dropped; the counts are kept.

        A second run finds them running. Objects younger than the grace are left alone. A workflow whose version of
        the workers is gone is ended and started again, for the current version.
        """
        now = await self._now()
        before = now - timedelta(seconds=command.grace_s)
        stranded = Stranded(self._client, TASK_QUEUE, silent_since=now - self._silence)
        looked_at = started_again = 0
        for query in OPEN:
            async for one in self._open_objects(query, before, command.batch):
                looked_at += 1
                started_again += await self._start_unless_running(one, stranded)
        dropped = await self._drop_lost_claims(now, command.batch, stranded)
        dropped += await self._drop_lost_operations(now, command.batch, stranded)
        counts = SweepCounts(
            open_objects=looked_at,
            started_again=started_again,
            open_workflows_of_ended_objects=await self._open_workflows_of_ended(before, stranded),
            dropped_keys=dropped,
        )
        async with self._database.transaction("sweep.publish") as session:
            await session.execute(_PUBLISH, counts.model_dump())
            await session.execute(_FORGET_KEYS, {"before": now - KEY_KEPT})
        _log.info("swept", **counts.model_dump())
        return counts

    async def _open_objects(self, query: TextClause, before: datetime, batch: int) -> AsyncIterator[SweptObject]:
        """All of them, a batch at a time: however many are open and well, none behind them is forgotten."""
        after = ""
        while True:
            async with self._database.reading() as session:
                rows = (await session.execute(query, {"before": before, "batch": batch, "after": after})).mappings()
                found = [SweptObject(**row) for row in rows]
            for one in found:
                yield one
            if len(found) < batch:
                return
            after = found[-1].id

    async def _start_unless_running(self, found: SweptObject, stranded: Stranded) -> bool:
        activity.heartbeat(found.id)
        return not await self._runs(found.id, stranded) and await self._start(found)

    async def _runs(self, workflow_id: str, stranded: Stranded) -> bool:
        """Whether it is open and somebody can go on with it; one that nobody can go on with is ended."""
        description = await self._open_run(workflow_id)
        if description is None:
            return False
        if await stranded.holds(description):
            await self._end(description)
            return False
        return True

    async def _open_run(self, workflow_id: str) -> WorkflowExecutionDescription | None:
        """None when it is closed, or not known any more."""
        try:
            description = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return description if description.status is WorkflowExecutionStatus.RUNNING else None

    async def _end(self, description: WorkflowExecutionDescription) -> None:
        """The run is over, by this or by itself; the rows say where the next one goes on."""
        version = pinned_version(description)
        run = self._client.get_workflow_handle(description.id, run_id=description.run_id)
        try:
            await run.terminate(f"no worker of {version} is left: it goes on from its rows")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        _log.warning("ended_stranded", object_id=description.id, version=str(version))

    async def _start(self, found: SweptObject) -> bool:
        """The same id, a new run: the sweeper alone may use an id again (design, 8). False when it runs already."""
        try:
            await self._client.start_workflow(
                found.kind,
                _command(found),
                id=found.id,
                task_queue=TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                task_timeout=timedelta(seconds=3),
                priority=Priority(fairness_key=found.merchant_id),
                search_attributes=_attributes(found),
                static_summary=f"{KINDS_IN_WORDS[found.kind]} {found.order_no}, started again by the sweeper",
            )
        except WorkflowAlreadyStartedError:
            return False
        _log.warning("started_again", kind=found.kind, object_id=found.id)
        return True

    async def _open_workflows_of_ended(self, before: datetime, stranded: Stranded) -> int:
        """How many workflows are open though their object has ended: none, or a bug that somebody must look at.

        One that is stranded is no bug: it is started again, reads that it has ended, and closes.
        """
        wanted = f"({_OF_OBJECTS}) AND ExecutionStatus = 'Running' AND StartTime < '{before.isoformat()}'"
        listed = [execution.id async for execution in self._client.list_workflows(wanted, page_size=LISTED_AT_ONCE)]
        open_runs = 0
        for first in range(0, len(listed), LISTED_AT_ONCE):
            for ended in await self._ended(listed[first : first + LISTED_AT_ONCE], before):
                open_runs += await self._still_open(ended, stranded)
        return open_runs

    async def _ended(self, ids: list[str], before: datetime) -> list[SweptObject]:
        async with self._database.reading() as session:
            rows = (await session.execute(ENDED, {"ids": ids, "before": before})).mappings()
            return [SweptObject(**row) for row in rows]

    async def _still_open(self, ended: SweptObject, stranded: Stranded) -> bool:
        description = await self._open_run(ended.id)
        if description is None or not await stranded.holds(description):
            return description is not None
        await self._end(description)
        await self._start(ended)
        return False

    async def _now(self) -> datetime:
        """By the clock of the database, which made the moments that it is compared with: a worker's may be wrong."""
        async with self._database.reading() as session:
            return await database_now(session)

    async def _drop_lost_claims(self, now: datetime, batch: int, stranded: Stranded) -> int:
        """Keys and claims older than an hour whose payment never came to be, and whose workflow does not run."""
        before = now - KEY_AGE
        async with self._database.reading() as session:
            lost = list(await session.scalars(LOST_CLAIMS, {"before": before, "batch": batch}))
        idle = [payment_id for payment_id in lost if not await self._runs(payment_id, stranded)]
        await self._drop(idle, before)
        return len(idle)

    async def _drop_lost_operations(self, now: datetime, batch: int, stranded: Stranded) -> int:
        """The numbers and keys of refunds, payouts and transfers older than an hour that never came to be.

        Those older than keys are kept were looked at often enough.
        """
        before = now - KEY_AGE
        bounds = {"since": now - KEY_KEPT, "before": before, "batch": batch}
        async with self._database.reading() as session:
            lost = list(await session.scalars(LOST_OPERATIONS, bounds))
        idle = [object_id for object_id in lost if not await self._runs(object_id, stranded)]
        for object_id in idle:
            async with self._database.transaction("sweep.drop", object_id) as session:
                await drop_operation(session, object_id, before=before)
        return len(idle)

    async def _drop(self, payment_ids: Iterable[str], before: datetime) -> None:
        for payment_id in payment_ids:
            async with self._database.transaction("sweep.drop", payment_id) as session:
                for statement in _DROP:
                    await session.execute(statement, {"id": payment_id, "before": before})


def _command(found: SweptObject) -> PaymentCommand | RefundCommand | PayoutCommand | TransferCommand:
    match found.kind:
        case "Payment" | "TopUp":
            return PaymentCommand(payment_id=found.id, merchant_id=found.merchant_id)
        case "Payout":
            return PayoutCommand(payout_id=found.id, merchant_id=found.merchant_id)
        case "Transfer":
            return TransferCommand(transfer_id=found.id, merchant_id=found.merchant_id)
        case _:
            return RefundCommand(refund_id=found.id, merchant_id=found.merchant_id)


def _attributes(found: SweptObject) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(MERCHANT_ID, found.merchant_id),
            SearchAttributePair(ORDER_NO, found.order_no),
            SearchAttributePair(NEEDS_ATTENTION, found.needs_attention),
        ]
    )
