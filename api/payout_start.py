"""From a POST to a running payout: by a business out of an account, or by an operator out of a suspense item."""

from dataclasses import dataclass

from pydantic import BaseModel

from api.operation_start import AskedOperation, Start, claim, start_operation
from api.routing import payout_route
from api.services import Services
from domain.errors import Unavailable
from domain.ids import new_payout_id
from domain.money import Money
from domain.outgoing import PayoutCommand
from domain.outgoing_objects import PayoutObject, render_payout
from domain.outgoing_orders import PayoutRequest
from domain.states import Operation
from store.payouts import snapshot
from workflows.payout import PayoutWorkflow


@dataclass(frozen=True, kw_only=True)
class AskedPayout:
    """One POST: whose payout, what for, the body that makes equal calls equal, and under which key."""

    merchant_id: str
    request: PayoutRequest
    body: BaseModel
    key: str | None = None


@dataclass(frozen=True)
class StartedPayout:
    """The payout as it is now, and whether an earlier call made it."""

    payout: PayoutObject
    replayed: bool


async def start_payout(services: Services, asked: AskedPayout) -> StartedPayout:
    """The payout exists with its hold and runs; what refuses it is raised, nothing is held, its number is free.

    A request out of an account is routed here; one out of a suspense item names the channel account where that lies.
    """
    request = await _routed(services, asked)
    operation = AskedOperation(
        merchant_id=asked.merchant_id,
        operation=Operation.PAYOUT,
        number=request.payout_no,
        body=asked.body,
        kept=request.model_dump(mode="json"),
        new_id=new_payout_id(),
        key=asked.key,
    )
    claimed = await claim(services, operation)
    start = Start(
        run=PayoutWorkflow.run,
        command=PayoutCommand(payout_id=claimed.object_id, merchant_id=asked.merchant_id),
        accepted=PayoutWorkflow.accepted,
        channel=request.channel,
        summary=_summary(request),
    )
    await start_operation(services, claimed, operation, start=start)
    async with services.database.reading() as session:
        found = await snapshot(session, claimed.object_id)
    if found is None:
        raise Unavailable("not opened yet; the same call continues it")
    return StartedPayout(payout=render_payout(found), replayed=claimed.replayed)


async def _routed(services: Services, asked: AskedPayout) -> PayoutRequest:
    """That no account can do it is for `open` to refuse: a repeat of what exists must not fail for it."""
    request = asked.request
    if request.channel_account_id is not None:
        return request
    row = await payout_route(services, asked.merchant_id, _money(request), request.channel)
    return request if row is None else request.model_copy(update={"channel_account_id": row.id})


def _summary(request: PayoutRequest) -> str:
    amount = _money(request).to_major_text()
    return f"payout {request.payout_no}: {amount} {request.currency} by {request.channel}"


def _money(request: PayoutRequest) -> Money:
    return Money(amount_minor=request.amount_minor, currency=request.currency)
