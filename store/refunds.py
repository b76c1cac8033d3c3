"""Refund rows: each function is one statement inside the caller's transaction."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import NotFound
from domain.money import Currency
from domain.orders import Frozen
from domain.outgoing import RefundView
from domain.states import Approval, LegState, RefundOrigin


class NewRefund(Frozen):
    """A refund that somebody or something wants, with its own number at the channel.

    The columns are those of the table; what nobody gives is that of money which we give back unasked.
    """

    id: str
    merchant_id: str
    payment_id: str
    refund_no: str | None = None
    origin: RefundOrigin
    out_no: str | None
    out_refund_no: str
    channel: str | None
    channel_account_id: str | None
    amount_minor: int
    channel_minor: int
    balance_minor: int = 0
    coupon_minor: int = 0
    fee_minor: int = 0
    pending_minor: int = 0
    available_minor: int = 0
    debt_minor: int = 0
    direct_minor: int = 0
    holds: dict[str, str] | None = None
    to_account_id: str | None = None
    suspense_item_id: str | None = None
    currency: Currency
    reason: str
    lines: tuple[dict[str, Any], ...] | None = None
    leg_state: LegState = LegState.INTENT
    approval: Approval | None = None
    approval_expires_at: datetime | None = None
    metadata: dict[str, str] = {}


_INSERT = text("SELECT refund_insert(CAST(:refund AS jsonb))")
_OPEN = text("SELECT refund_open(CAST(:refund AS jsonb))")
_CONCLUDE = text("SELECT refund_conclude(:id, :given)")
_VIEW = text("SELECT refund_view(:id)")
_SEND = text("SELECT refund_send(:id, :one_at_a_time)")
_UNSEND = text("SELECT refund_unsend(:id)")
_DECIDE = text("SELECT refund_decide(:id, :decision, :reason)")
_RECORD = text("SELECT refund_record(:id, CAST(:columns AS jsonb), CAST(:evidence AS jsonb), :event)")
#: `read_at` is the database's clock, which all processes share: theirs may be wrong, and decide nothing.
_READ = (
    "SELECT r.*, clock_timestamp() AS read_at,"
    " m.attention_after_s, p.channel_minor > 0 AND p.funds_holder = 'merchant' AS held_by_merchant"
    " FROM refund r JOIN merchant m ON m.id = r.merchant_id JOIN payment p ON p.id = r.payment_id"
    " WHERE r.id = :id"
)
_ROW, _LOCK = text(_READ), text(f"{_READ} FOR UPDATE OF r")


async def insert(session: AsyncSession, refund: NewRefund) -> None:
    """The refund is pending, its leg is an intent; an attempt has one refund of unasked origin at most."""
    await session.execute(_INSERT, {"refund": refund.model_dump_json()})


async def open_refund(session: AsyncSession, refund: NewRefund) -> RefundView:
    """The refund is pending, and its part of the payment and of the lines is taken; the payment's row is locked."""
    return RefundView.model_validate(await session.scalar(_OPEN, {"refund": refund.model_dump_json()}))


async def conclude(session: AsyncSession, refund_id: str, *, given: bool) -> None:
    """Its part of the payment was given back and its lines are in stock, or all that is refundable again.

    Only for a refund that the business asked for, which is locked and had not ended.
    """
    await session.execute(_CONCLUDE, {"id": refund_id, "given": given})


async def find(session: AsyncSession, refund_id: str) -> RefundView | None:
    """The refund as its workflow needs it; None when there is none."""
    found = await session.scalar(_VIEW, {"id": refund_id})
    return None if found is None else RefundView.model_validate(found)


async def view(session: AsyncSession, refund_id: str) -> RefundView:
    """The refund as its workflow needs it; NotFound when there is none."""
    found = await find(session, refund_id)
    if found is None:
        raise NotFound(f"no refund {refund_id}")
    return found


async def begin_send(session: AsyncSession, refund_id: str, *, one_at_a_time: bool) -> dict[str, Any]:
    """INTENT became SENT, if it may; answers what was found, whether it may be sent, and what to send."""
    sent: dict[str, Any] = await session.scalar(_SEND, {"id": refund_id, "one_at_a_time": one_at_a_time})
    return sent


async def undo_send(session: AsyncSession, refund_id: str) -> None:
    """The intent stands again, because the only call provably did not leave us."""
    await session.execute(_UNSEND, {"id": refund_id})


async def decide(session: AsyncSession, refund_id: str, decision: Approval, reason: str | None) -> bool:
    """True when a decision stands: this one, or `expired` where it came too late; False when none was awaited."""
    arguments = {"id": refund_id, "decision": decision, "reason": reason}
    stands: bool = await session.scalar(_DECIDE, arguments)
    return stands


async def read(session: AsyncSession, refund_id: str) -> dict[str, Any]:
    """The refund's row, and what belongs to it of merchant and payment; NotFound when there is none."""
    return await _row(session, _ROW, refund_id)


async def lock(session: AsyncSession, refund_id: str) -> dict[str, Any]:
    """The same, the refund locked until the transaction ends."""
    return await _row(session, _LOCK, refund_id)


async def _row(session: AsyncSession, statement: TextClause, refund_id: str) -> dict[str, Any]:
    found = (await session.execute(statement, {"id": refund_id})).mappings().one_or_none()
    if found is None:
        raise NotFound(f"no refund {refund_id}")
    return dict(found)


async def record(
    session: AsyncSession,
    refund_id: str,
    *,
    columns: dict[str, Any],
    evidence: dict[str, Any] | None = None,
    event: str | None = None,
) -> RefundView:
    """The refund's columns have changed, its version grown by one, the evidence and the event are written."""
    arguments = {
        "id": refund_id,
        "columns": json.dumps(columns),
        "evidence": None if evidence is None else json.dumps(evidence),
        "event": event,
    }
    return RefundView.model_validate(await session.scalar(_RECORD, arguments))
