"""What a saga says of itself; past the engine's memory, what its rows say."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from api.services import Services
from domain.commands import SagaAttempt, SagaBranch, SagaView
from domain.errors import NotFound, Unavailable
from domain.states import PaymentState, ReservationState
from store.reading import PaymentName, Snapshot, payment_snapshot
from workflows.collecting import Collecting

QUERY_TIMEOUT = timedelta(seconds=4)

_BRANCHES = text("""
    SELECT 'inventory' AS name, state FROM reservation WHERE payment_id = :payment_id
    UNION ALL
    SELECT 'funds', state FROM hold WHERE biz_type = 'payment' AND biz_id = :payment_id
""")
_PHASES = {
    ReservationState.HELD: "tried",
    ReservationState.CONFIRMED: "confirmed",
    ReservationState.RELEASED: "cancelled",
}


async def saga_of(services: Services, named: PaymentName) -> SagaView:
    """The workflow's own view, or one rebuilt from rows; NotFound, Unavailable while nobody can answer."""
    async with services.database.reading() as session:
        snapshot = await payment_snapshot(session, named)
        branches = await _branches(session, named.payment_id)
    if snapshot is None:
        raise NotFound(f"there is no such {named.purpose.in_words}")
    return await _asked(services, named.payment_id) or _from_rows(snapshot, branches)


async def _asked(services: Services, payment_id: str) -> SagaView | None:
    """None when the engine does not know the workflow (any more), or it has nothing to tell yet."""
    client = await services.temporal.client()
    try:
        return await client.get_workflow_handle(payment_id).query(Collecting.saga, rpc_timeout=QUERY_TIMEOUT)
    except WorkflowQueryFailedError:
        return None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise Unavailable("no worker answers for the payment") from error


async def _branches(session: AsyncSession, payment_id: str) -> tuple[SagaBranch, ...]:
    rows = await session.execute(_BRANCHES, {"payment_id": payment_id})
    return tuple(SagaBranch(name=row.name, state=_PHASES[ReservationState(row.state)]) for row in rows)


def _from_rows(snapshot: Snapshot, branches: tuple[SagaBranch, ...]) -> SagaView:
    payment = snapshot["payment"]
    state = PaymentState(payment["state"])
    return SagaView(
        payment_id=payment["id"],
        purpose=payment["purpose"],
        state=state,
        source="rows",
        pivot_passed=state in {PaymentState.CONFIRMING, PaymentState.SUCCEEDED},
        branches=branches,
        attempts=tuple(
            SagaAttempt(out_no=attempt["out_no"], channel=attempt["channel"], state=attempt["state"])
            for attempt in snapshot["attempts"]
        ),
        certainty=payment["certainty"],
        needs_attention=payment["needs_attention"],
        waits_for="nothing: it has ended" if state.terminal else "",
    )
