"""Cold reads of payments and top-ups: one statement each, answering the snapshot that `domain.objects` shows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from domain.states import Purpose

Snapshot = dict[str, Any]

_ATTEMPTS = """
    (SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.number), '[]'::jsonb) FROM attempt AS a WHERE a.payment_id = p.id)
"""
_SNAPSHOT = f"SELECT to_jsonb(p) AS payment, {_ATTEMPTS} AS attempts FROM payment AS p"  # noqa: S608 - constants
_SHAPE = {"payment": JSONB(), "attempts": JSONB()}

_ONE = text(
    f"{_SNAPSHOT} WHERE p.id = :payment_id AND p.purpose = :purpose"
    " AND (CAST(:merchant_id AS text) IS NULL OR p.merchant_id = :merchant_id)"
).columns(**_SHAPE)

#: Each filter of a look-up and its condition; only those that are asked for become part of the statement.
_CONDITIONS = {
    "purpose": "p.purpose = :purpose",
    "merchant_id": "p.merchant_id = :merchant_id",
    "order_no": "p.order_no = :order_no",
    "to_account_id": "p.to_account_id = :to_account_id",
    "state": "p.state = :state",
    "created_from": "p.created_at >= :created_from",
    "created_to": "p.created_at < :created_to",
    "after": "p.id < :after",
    "out_no": "p.id IN (SELECT a.payment_id FROM attempt AS a WHERE a.out_no = :out_no)",
    "channel_no": "p.id IN (SELECT a.payment_id FROM attempt AS a WHERE a.channel_no = :channel_no)",
}


@dataclass(frozen=True)
class PaymentName:
    """Which payment or top-up somebody means; `merchant_id` is whose it must be, None for anybody's."""

    payment_id: str
    merchant_id: str | None
    purpose: Purpose = Purpose.PAYMENT


@dataclass(frozen=True)
class PaymentFilter:
    """Which payments are looked for; what is None does not matter. `after` is the last id that was seen."""

    purpose: Purpose = Purpose.PAYMENT
    merchant_id: str | None = None
    order_no: str | None = None
    to_account_id: str | None = None
    out_no: str | None = None
    channel_no: str | None = None
    state: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    after: str | None = None


async def payment_snapshot(session: AsyncSession, named: PaymentName) -> Snapshot | None:
    """The payment and its attempts; None when there is none, or it is another merchant's, or another kind of thing."""
    found = await session.execute(_ONE, vars(named))
    row = found.mappings().one_or_none()
    return None if row is None else dict(row)


async def payment_snapshots(session: AsyncSession, wanted: PaymentFilter, *, limit: int) -> list[Snapshot]:
    """The newest `limit` payments that match."""
    asked = {name: value for name, value in vars(wanted).items() if value is not None}
    where = " AND ".join(_CONDITIONS[name] for name in asked) or "true"
    statement = text(f"{_SNAPSHOT} WHERE {where} ORDER BY p.id DESC LIMIT :limit").columns(**_SHAPE)
    found = await session.execute(statement, {**asked, "limit": limit})
    return [dict(row) for row in found.mappings()]
