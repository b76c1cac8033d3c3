"""What payers and banks do: pay, decline, let a refund arrive, by command or by themselves."""

from functools import partial

from simulator.channel import NoticeKind
from simulator.clock import wall
from simulator.dials import Dials
from simulator.notifier import Notifier
from simulator.orders import Order, Orders, OrderState
from simulator.refunds import Refund, Refunds
from simulator.timetable import Timetable

AUTO_PAY_MS = "auto_pay_ms"
REFUND_MS = "refund_ms"


class Cashier:
    """Changes the book as the outside world would, and has the merchant told. Timers survive a restart."""

    def __init__(
        self, dials: Dials, timetable: Timetable, *, orders: Orders, refunds: Refunds, notifier: Notifier
    ) -> None:
        self._dials = dials
        self._timetable = timetable
        self._orders = orders
        self._refunds = refunds
        self._notifier = notifier

    def start(self) -> None:
        """Announce again what an earlier run had announced."""
        for order in self._orders.paid_by_themselves():
            self._pay_when_due(order)
        for refund in self._refunds.ending_by_themselves():
            self._end_when_due(refund)

    def pay(self, out_no: str, amount_minor: int | None = None, *, force: bool = False) -> Order:
        """The payer pays; the merchant is told. Works inside the caller's transaction."""
        order = self._orders.pay(out_no, amount_minor, force=force)
        about = {"app_id": order.app_id, "number": out_no, "out_no": out_no, "url": order.notify_url}
        self._notifier.tell(self._notifier.new_notice(NoticeKind.PAYMENT, order.channel, **about))
        return order

    def end_refund(self, out_refund_no: str, fail_code: str | None = None) -> Refund:
        """The refund succeeds, or fails with the code; the merchant is told if it asked to be."""
        if fail_code is None:
            return self._told(self._refunds.succeed(out_refund_no))
        return self._told(self._refunds.fail(out_refund_no, fail_code))

    def bounce_refund(self, out_refund_no: str, code: str) -> Refund:
        """A succeeded refund comes back from the payer's bank; the merchant is told if it asked to be."""
        return self._told(self._refunds.bounce(out_refund_no, code))

    def payer_comes_at(self) -> float | None:
        """Give when the payer of an order made now will pay by itself, or None."""
        auto_pay_ms: int | None = self._dials.read(AUTO_PAY_MS, None)
        return None if auto_pay_ms is None else wall() + auto_pay_ms / 1000

    def refund_arrives_at(self) -> float | None:
        """Give when a refund made now will have arrived, or None when only a command ends it."""
        refund_ms: int | None = self._dials.read(REFUND_MS, 0)
        return None if refund_ms is None else wall() + refund_ms / 1000

    def await_payer(self, order: Order) -> Order:
        """Have a new order paid when its payer comes: after the caller's transaction at the earliest."""
        if order.state is OrderState.WAITING and order.auto_pay_at is not None:
            self._pay_when_due(order)
        return order

    def await_arrival(self, refund: Refund) -> Refund:
        """Have a new refund arrive: at once, inside the caller's transaction, unless a delay was set."""
        if refund.end_at is None:
            return refund
        if refund.end_at <= wall():
            return self.end_refund(refund.out_refund_no)
        self._end_when_due(refund)
        return refund

    def _pay_when_due(self, order: Order) -> None:
        self._timetable.announce(order.auto_pay_at, partial(self.pay, order.out_no))

    def _end_when_due(self, refund: Refund) -> None:
        self._timetable.announce(refund.end_at, partial(self.end_refund, refund.out_refund_no))

    def _told(self, refund: Refund) -> Refund:
        if refund.notify_url is not None:
            about = {
                "app_id": refund.app_id,
                "number": refund.out_refund_no,
                "out_no": refund.out_no,
                "url": refund.notify_url,
            }
            self._notifier.tell(self._notifier.new_notice(NoticeKind.REFUND, refund.channel, **about))
        return refund
