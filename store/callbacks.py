"""Stored notifications: taken once, by whoever acts on them."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.orders import Frozen


class StoredCallback(Frozen):
    """A verified payment callback; `is_proof` when its numbers matched and the channel's signature is strong."""

    out_no: str
    answer: dict[str, Any]
    is_proof: bool


# It waits, in words that the index of all that wait does not answer to: where the planner has seen none wait, it would
# read that whole index instead of the one row that is named. Of a refund nothing else finds the row.
_WAITS = "num_nulls(applied_at) = 1"
_TAKE = text(
    f"UPDATE callback SET applied_at = now() WHERE id = :id AND {_WAITS} AND kind = 'payment'"  # noqa: S608
    " RETURNING out_no, answer, verdict = 'matched' AS is_proof"
)


_SETTLE = {
    "refund": text(
        "UPDATE callback SET applied_at = now() WHERE kind = 'refund' AND out_refund_no = :number"
        " AND applied_at IS NULL AND received_at <= :asked_at"
    ),
    "transfer": text(
        "UPDATE callback SET applied_at = now() WHERE kind = 'transfer' AND out_no = :number"  # noqa: S608
        f" AND {_WAITS} AND received_at <= :asked_at"
    ),
}
_APPLIED = text(f"UPDATE callback SET applied_at = now() WHERE id = :id AND {_WAITS}")  # noqa: S608


async def settle(session: AsyncSession, kind: str, number: str, *, asked_at: datetime) -> None:
    """What the channel called about this refund or transfer before it was asked at `asked_at` has had its effect."""
    await session.execute(_SETTLE[kind], {"number": number, "asked_at": asked_at})


async def mark_applied(session: AsyncSession, callback_id: str) -> None:
    """The callback has had its effect; a repeat changes nothing."""
    await session.execute(_APPLIED, {"id": callback_id})


async def take(session: AsyncSession, callback_id: str) -> StoredCallback | None:
    """The callback, marked as applied in this transaction; None when it was applied before."""
    found = (await session.execute(_TAKE, {"id": callback_id})).mappings().one_or_none()
    return None if found is None else StoredCallback.model_validate(dict(found))
