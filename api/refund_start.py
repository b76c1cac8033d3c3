"""From a POST to a running refund, and an operator's decision on it."""

from dataclasses import dataclass

from api.approvals import decide, decision_of, require_decided
from api.audit_rows import note_first
from api.auth import Caller
from api.operation_start import AskedOperation, Start, claim, start_operation
from api.outgoing_bodies import DecisionBody
from api.refund_bodies import RefundBody
from api.services import Services
from domain.errors import NotAwaitingApproval, NotFound, Unavailable
from domain.ids import new_refund_id
from domain.outgoing import RefundCommand
from domain.refund_objects import RefundObject, render_refund
from domain.states import Approval, Operation
from store.operations import ClaimedOperation
from store.tables.refunds import Refund
from workflows.refund import RefundWorkflow


@dataclass(frozen=True)
class OpenedRefund:
    """The refund as it is now, and whether an earlier call made it."""

    refund: RefundObject
    replayed: bool


async def open_refund(services: Services, merchant_id: str, *, body: RefundBody, key: str | None) -> OpenedRefund:
    """The refund exists, its money is held and its workflow runs; whatever refused it is raised, and nothing is held.

    Unavailable, or IdempotencyInProgress for a repeat, when its row did not appear in time: the same call continues it.
    """
    asked = AskedOperation(
        merchant_id=merchant_id,
        operation=Operation.REFUND,
        number=body.refund_no,
        body=body,
        kept=body.model_dump(mode="json", exclude={"refund_no"}),
        new_id=new_refund_id(),
        key=key,
    )
    summary = f"refund {body.refund_no} of {body.payment_id}: {body.amount_minor} minor units"
    claimed = await start_refund_workflow(services, asked, summary=summary)
    refund = await find_refund(services, claimed.object_id, merchant_id)
    if refund is None:
        raise Unavailable("not opened yet; the same call continues it")
    return OpenedRefund(refund=refund, replayed=claimed.replayed)


async def start_refund_workflow(services: Services, asked: AskedOperation, *, summary: str) -> ClaimedOperation:
    """The number is this request's and the refund runs; what refuses it is raised, and its number is free."""
    claimed = await claim(services, asked)
    start = Start(
        run=RefundWorkflow.run,
        command=RefundCommand(refund_id=claimed.object_id, merchant_id=asked.merchant_id),
        accepted=RefundWorkflow.accepted,
        channel=None,
        summary=summary,
    )
    await start_operation(services, claimed, asked, start=start)
    return claimed


async def decide_refund(services: Services, caller: Caller, *, refund_id: str, body: DecisionBody) -> RefundObject:
    """The decision stands, and the operator's wish is kept; NotFound.

    NotAwaitingApproval when none is awaited, or another was faster.
    """
    command = decision_of(refund_id, body)
    await _require_awaited(services, refund_id)
    await note_first(services, caller, f"refund.{body.decision}", refund_id, reason=body.reason)
    heard = await decide(services, RefundWorkflow.decide, command)
    refund = await require_refund(services, refund_id, None)
    require_decided(refund.approval, command, heard=heard)
    return refund


async def require_refund(services: Services, refund_id: str, merchant_id: str | None) -> RefundObject:
    """The refund; NotFound when there is none, or it is another merchant's (None means any)."""
    refund = await find_refund(services, refund_id, merchant_id)
    if refund is None:
        raise NotFound("there is no such refund")
    return refund


async def find_refund(services: Services, refund_id: str, merchant_id: str | None) -> RefundObject | None:
    """The refund as it is now; None when there is none, or it is another merchant's."""
    async with services.database.reading() as session:
        row = await session.get(Refund, refund_id)
    if row is None or merchant_id not in {None, row.merchant_id}:
        return None
    return show_refund(row)


def show_refund(row: Refund) -> RefundObject:
    """The object of a row."""
    return render_refund(row.model_dump() | {"metadata": row.metadata_})


async def _require_awaited(services: Services, refund_id: str) -> None:
    refund = await require_refund(services, refund_id, None)
    if refund.approval is not Approval.AWAITED:
        raise NotAwaitingApproval
