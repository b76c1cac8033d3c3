"""The claims that a POST commits before anything happens, and the request that it keeps (law 12)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import IdempotencyKeyReused, OrderNoTaken
from domain.orders import PaymentOrder

SQL_FILE = Path(__file__).parent / "sql" / "claims.sql"

_CLAIM_PAYMENT = text("SELECT * FROM claim_payment(:merchant_id, :key, :order_no, :request_hash, :new_id)")
_KEEP_REQUEST = text(
    "INSERT INTO payment_request (payment_id, merchant_id, body)"
    " VALUES (:payment_id, :merchant_id, CAST(:body AS jsonb)) ON CONFLICT (payment_id) DO NOTHING"
)
_CLAIM_KEY = text("SELECT * FROM claim_key(:merchant_id, :route, :key, :request_hash, :new_id)")


@dataclass(frozen=True)
class PaymentClaim:
    """Who asks for which order, with what; `key` is the caller's Idempotency-Key, if any."""

    merchant_id: str
    order_no: str
    request_hash: str
    new_id: str
    key: str | None = None


@dataclass(frozen=True)
class Claimed:
    """The payment that the call is about; `opened` is true when its row exists."""

    payment_id: str
    replayed: bool
    opened: bool


@dataclass(frozen=True)
class ObjectClaim:
    """A POST of anything else with a key; `route` scopes the key."""

    merchant_id: str
    route: str
    request_hash: str
    new_id: str
    key: str | None = None


async def claim_payment(session: AsyncSession, claim: PaymentClaim) -> Claimed:
    """The order number (and key) belong to exactly one payment; IdempotencyKeyReused, OrderNoTaken.

    A caller of an equal claim waits until this transaction ends. The order number of a closed or failed payment is
    taken over. A replayed claim whose owner died is made young again, so the caller may start its payment.
    """
    row = (await session.execute(_CLAIM_PAYMENT, vars(claim))).one()
    _refuse(row.verdict, row.payment_id)
    return Claimed(payment_id=row.payment_id, replayed=row.verdict == "replayed", opened=row.opened)


async def claim_object(session: AsyncSession, claim: ObjectClaim) -> tuple[str, bool]:
    """The id of the object and whether the key made it before; insert the object in the same transaction.

    Without a key the object is new. IdempotencyKeyReused when the key came with another body.
    """
    if claim.key is None:
        return claim.new_id, False
    row = (await session.execute(_CLAIM_KEY, vars(claim))).one()
    _refuse(row.verdict, row.object_id)
    return row.object_id, row.verdict == "replayed"


async def keep_request(session: AsyncSession, payment_id: str, merchant_id: str, order: PaymentOrder) -> None:
    """`open` finds the settled request of this payment; a claim that is joined by another caller has it already."""
    arguments = {"payment_id": payment_id, "merchant_id": merchant_id, "body": order.model_dump_json()}
    await session.execute(_KEEP_REQUEST, arguments)


def _refuse(verdict: str, object_id: str) -> None:
    refusal = _REFUSALS.get(verdict)
    if refusal is not None:
        raise refusal(object_id)


_REFUSALS: dict[str, Callable[[str], Exception]] = {
    "key_reused": lambda _: IdempotencyKeyReused(),
    "order_taken": lambda payment_id: OrderNoTaken(payment_id=payment_id),
}
