"""Products, their stock, and the reservations that the inventory participant holds (its TCC barrier)."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, text
from sqlmodel import Field, SQLModel

from domain.states import ReservationState
from store.tables.columns import document, moment, one_of, whole, words


class Sku(SQLModel, table=True):
    """A product of one merchant."""

    __tablename__ = "sku"
    __table_args__ = (
        ForeignKeyConstraint(["merchant_id"], ["merchant.id"], name="sku_merchant"),
        CheckConstraint("unit_price_minor >= 0", name="unit_price_not_negative"),
    )

    merchant_id: str = words(key=True)
    sku: str = words(key=True)
    name: str = words()
    unit_price_minor: int = whole()
    currency: str = words()
    on_sale: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    metadata_: dict[str, Any] = document(name="metadata")
    version: int = whole(default=1)
    created_at: datetime = moment(now=True)


class Stock(SQLModel, table=True):
    """What one warehouse holds: sellable = on_hand − reserved − sold; `inventory_*` functions move the last two."""

    __tablename__ = "stock"
    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "sku"], ["sku.merchant_id", "sku.sku"], name="stock_sku"),
        CheckConstraint("reserved >= 0 AND sold >= 0", name="stock_counts_not_negative"),
        CheckConstraint("reserved + sold <= on_hand", name="stock_covers_commitments"),
    )

    merchant_id: str = words(key=True)
    sku: str = words(key=True)
    warehouse: str = words(key=True)
    on_hand: int = whole(default=0)
    reserved: int = whole(default=0)
    sold: int = whole(default=0)


class Reservation(SQLModel, table=True):
    """The barrier of the inventory participant: one row per payment; released without lines is a tombstone."""

    __tablename__ = "reservation"
    __table_args__ = (one_of("state", ReservationState),)

    payment_id: str = words(key=True)
    merchant_id: str = words()
    state: str = words()
    created_at: datetime = moment(now=True)
    ended_at: datetime | None = moment(nullable=True)


class ReservationLine(SQLModel, table=True):
    """What was reserved where."""

    __tablename__ = "reservation_line"
    __table_args__ = (
        ForeignKeyConstraint(["payment_id"], ["reservation.payment_id"], name="reservation_line_reservation"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("restocked BETWEEN 0 AND quantity", name="restocked_within_quantity"),
    )

    payment_id: str = words(key=True)
    line_no: int = whole(key=True)
    sku: str = words()
    warehouse: str = words()
    quantity: int = whole()
    restocked: int = whole(default=0)
