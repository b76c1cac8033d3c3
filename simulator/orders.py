"""Orders in the book: what the channel was asked to collect, and whether the payer paid."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from simulator.balances import Balances
from simulator.clock import Clock
from simulator.database import Database
from simulator.refusals import OrderClosedError, OrderDeclinedError, OrderNotFoundError, OrderPaidError


class OrderState(StrEnum):
    """`waiting` can be paid; the others are final, but a forced payment reopens `closed`."""

    WAITING = "waiting"
    PAID = "paid"
    CLOSED = "closed"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order. `terms` is what the merchant asked for, in the channel's own words; times are epoch seconds."""

    out_no: str
    channel: str
    channel_no: str
    app_id: str
    state: OrderState
    amount_minor: int
    currency: str
    payer_pays_minor: int
    expire_at: float
    notify_url: str
    terms: str
    paid_amount_minor: int | None = None
    paid_at: float | None = None
    fail_code: str | None = None
    late_payable: int = 0
    auto_pay_at: float | None = None
    previous: str | None = None

    def before_last_change(self) -> "Order":
        """Give the order as it was before its last change; unchanged ones as they are."""
        return self if self.previous is None else replace(self, **_changeable(orjson.loads(self.previous)))

    def truth_minor(self) -> int:
        """Give what was really paid, once paid; until then what was asked."""
        return self.amount_minor if self.paid_amount_minor is None else self.paid_amount_minor


def _changeable(row: dict[str, Any]) -> dict[str, Any]:
    names = ("paid_amount_minor", "paid_at", "fail_code", "late_payable")
    return {"state": OrderState(row["state"]), **{name: row[name] for name in names}}


def _order(row: dict[str, Any]) -> Order:
    return Order(**{**row, "state": OrderState(row["state"])})


class Orders:
    """The orders of all channels; every method works inside the caller's transaction."""

    def __init__(self, database: Database, clock: Clock, balances: Balances) -> None:
        self._database = database
        self._clock = clock
        self._balances = balances

    def find(self, out_no: str) -> Order | None:
        """Give the order, closed by now if it has expired, or None."""
        row = self._database.one("SELECT * FROM orders WHERE out_no = ?", out_no)
        return None if row is None else self._expired(_order(row))

    def get(self, out_no: str) -> Order:
        """Give the order or raise `OrderNotFoundError`."""
        order = self.find(out_no)
        if order is None:
            raise OrderNotFoundError(f"no order {out_no}")
        return order

    def of_channel_no(self, channel_no: str) -> Order:
        """Give the order with the channel's own number or raise `OrderNotFoundError`."""
        row = self._database.one("SELECT * FROM orders WHERE channel_no = ?", channel_no)
        if row is None:
            raise OrderNotFoundError(f"no order {channel_no}")
        return self._expired(_order(row))

    def place(self, order: Order) -> Order:
        """Write a new order down."""
        names = Order.__dataclass_fields__
        self._database.insert("orders", {name: getattr(order, name) for name in names})
        return order

    def pay(self, out_no: str, amount_minor: int | None = None, *, force: bool = False) -> Order:
        """Take the payer's money: the order is paid and the merchant's balance grows, also for a late payment."""
        order = self.get(out_no)
        match order.state:
            case OrderState.PAID:
                raise OrderPaidError(f"{out_no} is paid")
            case OrderState.DECLINED:
                raise OrderDeclinedError(f"{out_no} is declined for good")
            case OrderState.CLOSED if not (force or order.late_payable):
                raise OrderClosedError(f"{out_no} is closed; force pays it all the same")
        paid_minor = order.payer_pays_minor if amount_minor is None else amount_minor
        self._balances.add(order.app_id, order.currency, paid_minor)
        paid_at = self._clock.now()
        return self._change(order, {"state": OrderState.PAID, "paid_amount_minor": paid_minor, "paid_at": paid_at})

    def close(self, out_no: str, *, late_payable: bool = False) -> Order:
        """End an order that nobody paid. A closed or declined one stays as it is, a paid one refuses."""
        order = self.get(out_no)
        if order.state is OrderState.PAID:
            raise OrderPaidError(f"{out_no} is paid")
        if order.state is not OrderState.WAITING:
            return order
        return self._change(order, {"state": OrderState.CLOSED, "late_payable": int(late_payable)})

    def decline(self, out_no: str, code: str) -> Order:
        """Refuse the payer for good."""
        order = self.get(out_no)
        match order.state:
            case OrderState.PAID:
                raise OrderPaidError(f"{out_no} is paid")
            case OrderState.CLOSED:
                raise OrderClosedError(f"{out_no} is closed")
            case OrderState.DECLINED:
                return order
            case OrderState.WAITING:
                return self._change(order, {"state": OrderState.DECLINED, "fail_code": code})

    def every(self) -> list[Order]:
        """List all orders, oldest number first; expired ones are closed by now."""
        self.close_expired()
        return [_order(row) for row in self._database.rows("SELECT * FROM orders ORDER BY channel_no")]

    def close_expired(self) -> None:
        """Close every waiting order whose expiry has passed on the channel's clock."""
        due = "SELECT * FROM orders WHERE state = 'waiting' AND expire_at <= ?"
        for row in self._database.rows(due, self._clock.now()):
            self._expired(_order(row))

    def paid_by_themselves(self) -> list[Order]:
        """List the waiting orders whose payer was announced and has not come yet."""
        waiting = "SELECT * FROM orders WHERE state = 'waiting' AND auto_pay_at IS NOT NULL"
        return [_order(row) for row in self._database.rows(waiting)]

    def _expired(self, order: Order) -> Order:
        if order.state is not OrderState.WAITING or order.expire_at > self._clock.now():
            return order
        return self._change(order, {"state": OrderState.CLOSED})

    def _change(self, order: Order, change: dict[str, Any]) -> Order:
        previous = orjson.dumps(_changeable({name: getattr(order, name) for name in order.__slots__})).decode()
        change = {**change, "previous": previous}
        columns = ", ".join(f"{name} = ?" for name in change)
        statement = f"UPDATE orders SET {columns} WHERE out_no = ?"  # noqa: S608 - names are ours
        self._database.execute(statement, *change.values(), order.out_no)
        return replace(order, **change)
