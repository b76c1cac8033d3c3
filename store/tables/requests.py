"""What the API remembers of a call before anything happens (law 12)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import SQLModel

from store.tables.columns import document, moment, words


class IdempotencyKey(SQLModel, table=True):
    """A caller's key and the object it made; kept for 30 days; written by `claim_payment` and its like."""

    __tablename__ = "idempotency_key"
    __table_args__ = (
        Index("idempotency_key_created_at", "created_at"),
        Index("idempotency_key_object_id", "object_id"),
    )

    merchant_id: str = words(key=True)
    route: str = words(key=True)
    key: str = words(key=True)
    request_hash: str = words()
    object_id: str = words()
    created_at: datetime = moment(now=True)


class OrderClaim(SQLModel, table=True):
    """Which payment has an order number now; a closed or failed payment gives it up to the next POST."""

    __tablename__ = "order_claim"
    __table_args__ = (Index("order_claim_payment_id", "payment_id"),)

    merchant_id: str = words(key=True)
    order_no: str = words(key=True)
    payment_id: str = words()
    request_hash: str = words()
    claimed_at: datetime = moment(now=True)


class PaymentRequest(SQLModel, table=True):
    """The validated body of a POST, from which `open` makes the payment; it never travels through Temporal (law 14)."""

    __tablename__ = "payment_request"
    __table_args__ = (Index("payment_request_created_at", "created_at"),)

    payment_id: str = words(key=True)
    merchant_id: str = words()
    body: dict[str, Any] = document()
    created_at: datetime = moment(now=True)
