"""The sweeper: decides by `describe` and the row, never by a list entry, because lists lag (law 11)."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import TextClause, text
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.search_attributes import MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO, PAYMENT_STATE
from domain.commands import PaymentCommand, SweepCommand, SweepCounts
from domain.outgoing import PayoutCommand, RefundCommand
from store.database import Database
from store.operations import drop_operation

_log = structlog.get_logger("sweeper")

TASK_QUEUE = "saga"
KEY_AGE = timedelta(hours=1)
KEY_KEPT = timedelta(days=30)
ENDED_LOOKED_AT = 50
KINDS_IN_WORDS = {"Payment": "payment", "TopUp": "top-up", "Refund": "refund", "Payout": "payout"}
_SAGAS = "WorkflowType IN ('Payment', 'TopUp', 'Refund', 'Payout')"

_OPEN_PAYMENTS = text(
    "SELECT CASE purpose WHEN 'top_up' THEN 'TopUp' ELSE 'Payment' END AS kind,"
    " id, merchant_id, order_no, state, needs_attention FROM payment"
    " WHERE state NOT IN ('closed', 'failed', 'succeeded') AND updated_at < :before AND id > :after"
    " ORDER BY id LIMIT :batch"
)
_OPEN_REFUNDS = text(
    "SELECT 'Refund' AS kind, id, merchant_id, coalesce(refund_no, out_refund_no) AS order_no, state, needs_attention"
    " FROM refund WHERE state NOT IN ('succeeded', 'failed', 'bounced') AND updated_at < :before AND id > :after"
    " ORDER BY id LIMIT :batch"
)
_OPEN_PAYOUTS = text(
    "SELECT 'Payout' AS kind, id, merchant_id, payout_no AS order_no, state, needs_attention FROM payout"
    " WHERE state NOT IN ('succeeded', 'failed', 'rejected', 'expired', 'returned')"
    " AND updated_at < :before AND id > :after ORDER BY id LIMIT :batch"
)
_LOST_OPERATIONS = text(
    "SELECT object_id FROM operation_request WHERE created_at BETWEEN :since AND :before"
    " AND NOT operation_exists(object_id) ORDER BY created_at LIMIT :batch"
)
_LOST_CLAIMS = text(
    "SELECT r.payment_id FROM payment_request r LEFT JOIN payment p ON p.id = r.payment_id"
    " WHERE p.id IS NULL AND r.created_at < :before ORDER BY r.created_at LIMIT :batch"
)
_ENDED = text(
    "SELECT id FROM payment WHERE id = ANY(:ids) AND state IN ('closed', 'failed', 'succeeded')"
    " AND updated_at < :before UNION ALL"
    " SELECT id FROM refund WHERE id = ANY(:ids) AND state IN ('succeeded', 'failed', 'bounced')"
    " AND updated_at < :before UNION ALL"
    " SELECT id FROM payout WHERE id = ANY(:ids) AND updated_at < :before"
    " AND state IN ('succeeded', 'failed', 'rejected', 'expired', 'returned')"
)
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


@dataclass(frozen=True)
class OpenObject:
    """An object whose row is not terminal."""

    kind: str
    id: str
    merchant_id: str
    order_no: str
    state: str
    needs_attention: bool


class Sweep:
    """Compares, starts again, and publishes the counts."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._client = client

    @activity.defn(name="sweep.compare")
    async def compare(self, command: SweepCommand) -> SweepCounts:
        """Every open object older than the grace has a running workflow; lost keys are dropped; the counts are kept.

        A second run finds them running. Objects younger than the grace are left alone.
        """
        before = datetime.now(UTC) - timedelta(seconds=command.grace_s)
        looked_at = started_again = 0
        for query in (_OPEN_REFUNDS, _OPEN_PAYOUTS, _OPEN_PAYMENTS):
            async for one in self._open_objects(query, before, command.batch):
                looked_at += 1
                started_again += await self._start_if_closed(one)
        counts = SweepCounts(
            open_objects=looked_at,
            started_again=started_again,
            open_workflows_of_ended_objects=await self._open_workflows_of_ended(before),
            dropped_keys=await self._drop_lost_claims(command.batch) + await self._drop_lost_operations(command.batch),
        )
        async with self._database.transaction("sweep.publish") as session:
            await session.execute(_PUBLISH, counts.model_dump())
            await session.execute(_FORGET_KEYS, {"before": datetime.now(UTC) - KEY_KEPT})
        _log.info("swept", **counts.model_dump())
        return counts

    async def _open_objects(self, query: TextClause, before: datetime, batch: int) -> AsyncIterator[OpenObject]:
        """All of them, a batch at a time: however many are open and well, none behind them is forgotten."""
        after = ""
        while True:
            async with self._database.reading() as session:
                rows = (await session.execute(query, {"before": before, "batch": batch, "after": after})).mappings()
                found = [OpenObject(**row) for row in rows]
            for one in found:
                yield one
            if len(found) < batch:
                return
            after = found[-1].id

    async def _start_if_closed(self, found: OpenObject) -> bool:
        activity.heartbeat(found.id)
        if await self._runs(found.id):
            return False
        try:
            await self._start(found)
        except WorkflowAlreadyStartedError:
            return False
        _log.warning("started_again", kind=found.kind, object_id=found.id)
        return True

    async def _runs(self, workflow_id: str) -> bool:
        try:
            description = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return description.status is WorkflowExecutionStatus.RUNNING

    async def _start(self, found: OpenObject) -> None:
        """The same id, a new run: the sweeper alone may use an id again (design, 8)."""
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

    async def _open_workflows_of_ended(self, before: datetime) -> int:
        """How many workflows are open though their object has ended: none, or a bug that somebody must look at."""
        wanted = f"{_SAGAS} AND ExecutionStatus = 'Running' AND StartTime < '{before.isoformat()}'"
        found = self._client.list_workflows(wanted, limit=ENDED_LOOKED_AT)
        listed = [execution.id async for execution in found]
        if not listed:
            return 0
        async with self._database.reading() as session:
            ended = list(await session.scalars(_ENDED, {"ids": listed, "before": before}))
        return sum([await self._runs(object_id) for object_id in ended])

    async def _drop_lost_claims(self, batch: int) -> int:
        """Keys and claims older than an hour whose payment never came to be, and whose workflow does not run."""
        before = datetime.now(UTC) - KEY_AGE
        async with self._database.reading() as session:
            lost = list(await session.scalars(_LOST_CLAIMS, {"before": before, "batch": batch}))
        idle = [payment_id for payment_id in lost if not await self._runs(payment_id)]
        await self._drop(idle, before)
        return len(idle)

    async def _drop_lost_operations(self, batch: int) -> int:
        """The numbers and keys of refunds, payouts and transfers older than an hour that never came to be.

        Those older than keys are kept were looked at often enough.
        """
        now = datetime.now(UTC)
        before = now - KEY_AGE
        bounds = {"since": now - KEY_KEPT, "before": before, "batch": batch}
        async with self._database.reading() as session:
            lost = list(await session.scalars(_LOST_OPERATIONS, bounds))
        idle = [object_id for object_id in lost if not await self._runs(object_id)]
        for object_id in idle:
            async with self._database.transaction("sweep.drop", object_id) as session:
                await drop_operation(session, object_id, before=before)
        return len(idle)

    async def _drop(self, payment_ids: Iterable[str], before: datetime) -> None:
        for payment_id in payment_ids:
            async with self._database.transaction("sweep.drop", payment_id) as session:
                for statement in _DROP:
                    await session.execute(statement, {"id": payment_id, "before": before})


def _command(found: OpenObject) -> PaymentCommand | RefundCommand | PayoutCommand:
    match found.kind:
        case "Payment" | "TopUp":
            return PaymentCommand(payment_id=found.id, merchant_id=found.merchant_id)
        case "Payout":
            return PayoutCommand(payout_id=found.id, merchant_id=found.merchant_id)
        case _:
            return RefundCommand(refund_id=found.id, merchant_id=found.merchant_id)


def _attributes(found: OpenObject) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(PAYMENT_STATE, found.state),
            SearchAttributePair(MERCHANT_ID, found.merchant_id),
            SearchAttributePair(ORDER_NO, found.order_no),
            SearchAttributePair(NEEDS_ATTENTION, found.needs_attention),
        ]
    )
