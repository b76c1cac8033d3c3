"""Refunds in the book: paid money that goes back to the payer."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from simulator.balances import Balances
from simulator.clock import Clock
from simulator.database import Database
from simulator.orders import Order, OrderState
from simulator.refusals import (
    AppBalanceError,
    OrderNotPaidError,
    ParamError,
    RefundEndedError,
    RefundExceedsError,
    RefundNotFoundError,
    RefundNotSucceededError,
)


class RefundState(StrEnum):
    """`processing` ends in `succeeded` or `failed`; `bounced` follows `succeeded`."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    BOUNCED = "bounced"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One refund. `terms` is what the merchant asked for; times are epoch seconds."""

    out_refund_no: str
    channel: str
    channel_refund_no: str
    app_id: str
    out_no: str
    state: RefundState
    amount_minor: int
    currency: str
    notify_url: str | None
    terms: str
    succeeded_at: float | None = None
    bounced_at: float | None = None
    fail_code: str | None = None
    end_at: float | None = None
    previous: str | None = None

    def before_last_change(self) -> "Refund":
        """Give the refund as it was before its last change; unchanged ones as they are."""
        return self if self.previous is None else replace(self, **_changeable(orjson.loads(self.previous)))


def _changeable(row: dict[str, Any]) -> dict[str, Any]:
    # What was kept before refunds could bounce does not name that time.
    names = ("succeeded_at", "bounced_at", "fail_code")
    return {"state": RefundState(row["state"]), **{name: row.get(name) for name in names}}


def _refund(row: dict[str, Any]) -> Refund:
    return Refund(**{**row, "state": RefundState(row["state"])})


class Refunds:
    """The refunds of all channels; every method works inside the caller's transaction."""

    def __init__(self, database: Database, clock: Clock, balances: Balances) -> None:
        self._database = database
        self._clock = clock
        self._balances = balances

    def find(self, out_refund_no: str) -> Refund | None:
        """Give the refund or None."""
        row = self._database.one("SELECT * FROM refunds WHERE out_refund_no = ?", out_refund_no)
        return None if row is None else _refund(row)

    def get(self, out_refund_no: str) -> Refund:
        """Give the refund or raise `RefundNotFoundError`."""
        refund = self.find(out_refund_no)
        if refund is None:
            raise RefundNotFoundError(f"no refund {out_refund_no}")
        return refund

    def place(self, refund: Refund, order: Order) -> Refund:
        """Take the money out of the merchant's balance and write the refund down, or refuse and write nothing."""
        if order.state is not OrderState.PAID:
            raise OrderNotPaidError(f"{order.out_no} is not paid")
        if refund.currency != order.currency:
            raise ParamError(f"currency must be the order's: {order.currency}")
        left_minor = order.truth_minor() - self._refunded_minor(order.out_no)
        if refund.amount_minor > left_minor:
            raise RefundExceedsError(f"{left_minor} is left of {order.out_no}")
        if refund.amount_minor > self._balances.of(refund.app_id, refund.currency):
            raise AppBalanceError(f"the balance of {refund.app_id} does not cover {refund.amount_minor}")
        self._balances.add(refund.app_id, refund.currency, -refund.amount_minor)
        names = Refund.__dataclass_fields__
        self._database.insert("refunds", {name: getattr(refund, name) for name in names})
        return refund

    def succeed(self, out_refund_no: str) -> Refund:
        """The payer has the money."""
        refund = self._processing(out_refund_no)
        return self._change(refund, {"state": RefundState.SUCCEEDED, "succeeded_at": self._clock.now()})

    def fail(self, out_refund_no: str, code: str) -> Refund:
        """The payer's bank refused it: the money is back in the merchant's balance and may be refunded again."""
        refund = self._processing(out_refund_no)
        self._balances.add(refund.app_id, refund.currency, refund.amount_minor)
        return self._change(refund, {"state": RefundState.FAILED, "fail_code": code})

    def bounce(self, out_refund_no: str, code: str) -> Refund:
        """The payer had it and its bank sent it back: the money is the merchant's and may be refunded again."""
        refund = self.get(out_refund_no)
        if refund.state is not RefundState.SUCCEEDED:
            raise RefundNotSucceededError(f"{out_refund_no} is {refund.state}")
        self._balances.add(refund.app_id, refund.currency, refund.amount_minor)
        change = {"state": RefundState.BOUNCED, "bounced_at": self._clock.now(), "fail_code": code}
        return self._change(refund, change)

    def every(self) -> list[Refund]:
        """List all refunds, oldest number first."""
        return [_refund(row) for row in self._database.rows("SELECT * FROM refunds ORDER BY channel_refund_no")]

    def ending_by_themselves(self) -> list[Refund]:
        """List the refunds under way whose success was announced for a certain time."""
        announced = "SELECT * FROM refunds WHERE state = 'processing' AND end_at IS NOT NULL"
        return [_refund(row) for row in self._database.rows(announced)]

    def _refunded_minor(self, out_no: str) -> int:
        row = self._database.one(
            "SELECT coalesce(sum(amount_minor), 0) AS total FROM refunds "
            "WHERE out_no = ? AND state NOT IN ('failed', 'bounced')",
            out_no,
        )
        return 0 if row is None else int(row["total"])

    def _processing(self, out_refund_no: str) -> Refund:
        refund = self.get(out_refund_no)
        if refund.state is not RefundState.PROCESSING:
            raise RefundEndedError(f"{out_refund_no} is {refund.state}")
        return refund

    def _change(self, refund: Refund, change: dict[str, Any]) -> Refund:
        previous = orjson.dumps(_changeable({name: getattr(refund, name) for name in refund.__slots__})).decode()
        change = {**change, "previous": previous}
        columns = ", ".join(f"{name} = ?" for name in change)
        statement = f"UPDATE refunds SET {columns} WHERE out_refund_no = ?"  # noqa: S608 - names are ours
        self._database.execute(statement, *change.values(), refund.out_refund_no)
        return replace(refund, **change)
