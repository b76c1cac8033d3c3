"""What the sim channel does for an admitted merchant; one method an operation, inside one transaction."""

from typing import Any

import orjson

from simulator.cashier import Cashier
from simulator.clock import Clock
from simulator.faults import Flaw, Operation
from simulator.fields import NUMBER, Fields
from simulator.orders import Order, Orders, OrderState
from simulator.refunds import Refund, Refunds, RefundState
from simulator.refusals import (
    DuplicateMismatchError,
    OrderNotFoundError,
    ParamError,
    RefundNotFoundError,
    RefusedError,
)
from simulator.sim.gate import Call
from simulator.sim.wire import (
    CHANNEL,
    Invoke,
    channel_number,
    instant,
    order_object,
    order_terms,
    refund_object,
    refund_terms,
    same_terms,
)


class Operations:
    """Orders and refunds as the merchant sees them; another app's numbers do not exist for it."""

    def __init__(self, orders: Orders, refunds: Refunds, *, cashier: Cashier, clock: Clock, cashier_url: str) -> None:
        self._orders = orders
        self._refunds = refunds
        self._cashier = cashier
        self._clock = clock
        self._cashier_url = cashier_url

    def execute(self, call: Call, app_id: str, flaw: Flaw | None) -> dict[str, Any]:
        """Do what the call asks and give the object to answer with, or raise `RefusedError`."""
        match call.op:
            case Operation.PAY:
                return self.order_object(self._pay(Fields(call.body), app_id, flaw))
            case Operation.QUERY:
                order = self._order(call.number, app_id)
                return self.order_object(order.before_last_change() if flaw is Flaw.STALE else order)
            case Operation.CLOSE:
                self._order(call.number, app_id)
                return self.order_object(self._orders.close(call.number, late_payable=flaw is Flaw.LATE))
            case Operation.REFUND:
                return refund_object(self._refund(Fields(call.body), app_id))
            case Operation.REFUND_QUERY:
                refund = self._known_refund(call.number, app_id)
                return refund_object(refund.before_last_change() if flaw is Flaw.STALE else refund)
            case _:
                raise RefusedError(f"this is no order and no refund: {call.op}")

    def order_object(self, order: Order) -> dict[str, Any]:
        """Write an order with the address where a person can pay it."""
        return order_object(order, f"{self._cashier_url}/{order.channel_no}")

    def _pay(self, fields: Fields, app_id: str, flaw: Flaw | None) -> Order:
        out_no, terms = fields.text("out_no", NUMBER), order_terms(fields)
        expire_at = instant(terms["expire_at"])
        known = self._orders.find(out_no)
        if known is not None:
            return self._repeated(known, app_id, terms)
        if expire_at <= self._clock.now():
            raise ParamError("expire_at has passed")
        order = Order(
            out_no=out_no,
            channel=CHANNEL,
            channel_no=channel_number("SIM", self._clock.now()),
            app_id=app_id,
            state=OrderState.WAITING,
            amount_minor=terms["amount_minor"],
            currency=terms["currency"],
            payer_pays_minor=terms["amount_minor"] - (flaw is Flaw.WRONG_AMOUNT),
            expire_at=expire_at,
            notify_url=terms["notify_url"],
            terms=orjson.dumps(terms).decode(),
            auto_pay_at=self._cashier.payer_comes_at(),
        )
        return self._begin(self._orders.place(order), terms)

    def _begin(self, order: Order, terms: dict[str, Any]) -> Order:
        auth_code = terms["auth_code"] or ""
        if terms["invoke"] == Invoke.BARCODE and auth_code.startswith("28pay"):
            return self._cashier.pay(order.out_no)
        if terms["invoke"] == Invoke.BARCODE and auth_code.startswith("28decline"):
            return self._orders.decline(order.out_no, "PAYER_DECLINED")
        return self._cashier.await_payer(order)

    def _repeated(self, known: Order, app_id: str, terms: dict[str, Any]) -> Order:
        if known.app_id != app_id or known.channel != CHANNEL or not same_terms(known.terms, terms):
            raise DuplicateMismatchError(f"{known.out_no} exists with other fields")
        return known

    def _order(self, out_no: str, app_id: str) -> Order:
        order = self._orders.get(out_no)
        if order.app_id != app_id or order.channel != CHANNEL:
            raise OrderNotFoundError(f"no order {out_no}")
        return order

    def _refund(self, fields: Fields, app_id: str) -> Refund:
        out_refund_no, terms = fields.text("out_refund_no", NUMBER), refund_terms(fields)
        known = self._refunds.find(out_refund_no)
        if known is not None:
            if known.app_id != app_id or known.channel != CHANNEL or not same_terms(known.terms, terms):
                raise DuplicateMismatchError(f"{out_refund_no} exists with other fields")
            return known
        refund = Refund(
            out_refund_no=out_refund_no,
            channel=CHANNEL,
            channel_refund_no=channel_number("SIMR", self._clock.now()),
            app_id=app_id,
            out_no=terms["out_no"],
            state=RefundState.PROCESSING,
            amount_minor=terms["amount_minor"],
            currency=terms["currency"],
            notify_url=terms["notify_url"],
            terms=orjson.dumps(terms).decode(),
            end_at=self._cashier.refund_arrives_at(),
        )
        return self._cashier.await_arrival(self._refunds.place(refund, self._order(refund.out_no, app_id)))

    def _known_refund(self, out_refund_no: str, app_id: str) -> Refund:
        refund = self._refunds.get(out_refund_no)
        if refund.app_id != app_id or refund.channel != CHANNEL:
            raise RefundNotFoundError(f"no refund {out_refund_no}")
        return refund
