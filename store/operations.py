"""The claims of refunds, payouts and transfers: a number belongs to one request, for ever (law 12)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import IdempotencyKeyReused, NotFound, NumberTaken
from domain.states import Operation

_CLAIM = text(
    "SELECT * FROM claim_operation(:merchant_id, :operation, :number, :key, :request_hash, :new_id,"
    " CAST(:body AS jsonb))"
)
_DROP = text("SELECT drop_operation(:object_id, coalesce(CAST(:before AS timestamptz), 'infinity'))")
_BODY = text(
    "SELECT merchant_id, number, body, clock_timestamp() AS read_at FROM operation_request"
    " WHERE object_id = :object_id FOR SHARE"
)


@dataclass(frozen=True, kw_only=True)
class OperationClaim:
    """Who asks for what under which number; `body` is what the object is made from."""

    merchant_id: str
    operation: Operation
    number: str
    request_hash: str
    new_id: str
    body: Mapping[str, Any]
    key: str | None = None


@dataclass(frozen=True)
class ClaimedOperation:
    """The object that the call is about; `opened` is true when its row exists."""

    object_id: str
    replayed: bool
    opened: bool


@dataclass(frozen=True)
class KeptRequest:
    """What was asked, as the claim keeps it; `read_at` is the database's clock, by which what comes of it is dated."""

    merchant_id: str
    number: str
    body: dict[str, Any]
    read_at: datetime


async def claim_operation(session: AsyncSession, claim: OperationClaim) -> ClaimedOperation:
    """The number (and key) belong to this request; IdempotencyKeyReused, NumberTaken.

    A caller of an equal claim waits until this transaction ends.
    """
    arguments = {**vars(claim), "body": json.dumps(dict(claim.body))}
    row = (await session.execute(_CLAIM, arguments)).one()
    match row.verdict:
        case "key_reused":
            raise IdempotencyKeyReused
        case "number_taken":
            raise NumberTaken
    return ClaimedOperation(object_id=row.object_id, replayed=row.verdict == "replayed", opened=row.opened)


async def drop_operation(session: AsyncSession, object_id: str, *, before: datetime | None = None) -> bool:
    """The number and key of an object that was refused are free again.

    False when it exists, was dropped already, or was asked for after `before`.
    """
    dropped: bool = await session.scalar(_DROP, {"object_id": object_id, "before": before})
    return dropped


async def kept_request(session: AsyncSession, object_id: str) -> KeptRequest:
    """What was asked, kept until the caller's transaction ends; NotFound when no claim is kept."""
    row = (await session.execute(_BODY, {"object_id": object_id})).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no request was kept for {object_id}")
    return KeptRequest(**row)
