"""Refund rows and suspense items: each function is one statement inside the caller's transaction."""

import json
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import NotFound
from domain.money import Currency
from domain.orders import Frozen
from domain.outgoing import RefundView
from domain.states import RefundOrigin


class NewRefund(Frozen):
    """A refund that somebody or something wants, with its own number at the channel."""

    id: str
    merchant_id: str
    payment_id: str
    origin: RefundOrigin
    out_no: str
    out_refund_no: str
    channel: str
    channel_account_id: str
    amount_minor: int
    currency: Currency
    reason: str


class NewSuspenseItem(Frozen):
    """Money that we have and cannot place, what it is about, and what else is known of it."""

    id: str
    merchant_id: str
    origin: str
    object_id: str
    out_no: str
    channel_account_id: str
    amount_minor: int
    currency: Currency
    owner: str
    reason: str
    evidence: dict[str, Any]


_INSERT = text("SELECT refund_insert(CAST(:refund AS jsonb))")
_ITEM = text(
    "INSERT INTO suspense_item (id, merchant_id, origin, object_id, out_no, channel_account_id, amount_minor, currency,"
    " owner, reason, evidence)"
    " VALUES (:id, :merchant_id, :origin, :object_id, :out_no, :channel_account_id, :amount_minor, :currency, :owner,"
    " :reason, CAST(:evidence AS jsonb)) ON CONFLICT DO NOTHING"
)
_END_ITEM = text(
    "UPDATE suspense_item SET state = 'ended', resolution = coalesce(resolution, 'refund'), ended_at = now(),"
    " version = version + 1 WHERE origin = :origin AND object_id = :object_id AND state <> 'ended'"
)
_VIEW = text("SELECT refund_view(:id)")
_SEND = text("SELECT refund_send(:id)")
_RECORD = text("SELECT refund_record(:id, CAST(:columns AS jsonb), CAST(:evidence AS jsonb), :event)")
_LOCK = text(
    "SELECT r.*, m.attention_after_s, a.amount_minor AS attempt_minor, a.received_minor, a.channel_no"
    " FROM refund r JOIN merchant m ON m.id = r.merchant_id LEFT JOIN attempt a ON a.out_no = r.out_no"
    " WHERE r.id = :id FOR UPDATE OF r"
)


async def insert(session: AsyncSession, refund: NewRefund) -> None:
    """The refund is pending, its leg is an intent; an attempt has one refund of unasked origin at most."""
    await session.execute(_INSERT, {"refund": refund.model_dump_json()})


async def open_suspense_item(session: AsyncSession, item: NewSuspenseItem) -> None:
    """The item is open, once per object."""
    await session.execute(_ITEM, {**item.model_dump(), "evidence": json.dumps(item.evidence)})


async def end_suspense_item(session: AsyncSession, origin: str, object_id: str) -> None:
    """The object's suspense item is ended, because its money left suspense."""
    await session.execute(_END_ITEM, {"origin": origin, "object_id": object_id})


async def view(session: AsyncSession, refund_id: str) -> RefundView:
    """The refund as its workflow needs it; NotFound when there is none."""
    found = await session.scalar(_VIEW, {"id": refund_id})
    if found is None:
        raise NotFound(f"no refund {refund_id}")
    return RefundView.model_validate(found)


async def begin_send(session: AsyncSession, refund_id: str) -> dict[str, Any]:
    """INTENT became SENT; answers what was found and what to send."""
    sent: dict[str, Any] = await session.scalar(_SEND, {"id": refund_id})
    return sent


async def lock(session: AsyncSession, refund_id: str) -> dict[str, Any]:
    """The refund's row, locked until the transaction ends; NotFound when there is none."""
    found = (await session.execute(_LOCK, {"id": refund_id})).mappings().one_or_none()
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
