"""Stored notifications: taken once, by whoever acts on them."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.orders import Frozen


class StoredCallback(Frozen):
    """A verified payment callback; `is_proof` when its numbers matched and the channel's signature is strong."""

    out_no: str
    answer: dict[str, Any]
    is_proof: bool


_TAKE = text(
    "UPDATE callback SET applied_at = now() WHERE id = :id AND applied_at IS NULL AND kind = 'payment'"
    " RETURNING out_no, answer, verdict = 'matched' AS is_proof"
)


async def take(session: AsyncSession, callback_id: str) -> StoredCallback | None:
    """The callback, marked as applied in this transaction; None when it was applied before."""
    found = (await session.execute(_TAKE, {"id": callback_id})).mappings().one_or_none()
    return None if found is None else StoredCallback.model_validate(dict(found))
