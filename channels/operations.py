"""What can be asked of a channel, and what one channel account can do of it."""

from datetime import timedelta
from enum import StrEnum

from channels.errors import Unsupported
from domain.money import AmountMinor, Currency, Money
from domain.orders import Frozen
from domain.states import CloseProof, Invoke


class Op(StrEnum):
    """Every operation that some channel knows; an adapter that lacks one refuses it before any I/O."""

    PAY = "pay"
    QUERY = "query"
    CLOSE = "close"
    REVERSE = "reverse"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    TRANSFER = "transfer"
    TRANSFER_QUERY = "transfer_query"
    TRANSFER_CANCEL = "transfer_cancel"
    BALANCE = "balance"
    AGREEMENT_SIGN = "agreement_sign"
    AGREEMENT_QUERY = "agreement_query"
    AGREEMENT_TERMINATE = "agreement_terminate"
    AGREEMENT_CHARGE = "agreement_charge"
    SPLIT = "split"
    SPLIT_QUERY = "split_query"
    SPLIT_FINISH = "split_finish"
    SPLIT_RETURN = "split_return"
    BILL_TRADE = "bill_trade"
    BILL_FUND_FLOW = "bill_fund_flow"
    CALLBACK = "callback"


class Capabilities(Frozen):
    """What one channel account can do; asked before a row is written, so that nothing impossible becomes an intent.

    `idempotent_ops` may be sent again under the same number and the same fields (law 4). `callback_is_proof` is False
    where the signature is weak: such a callback is only a reason to query (law 8). `call_timeout_s` bounds a whole
    operation, connecting included. `close_margin_s` is what must pass after the expiry we sent before a query proves
    anything (law 5). `refunds_one_at_a_time`: an order's next refund is taken only once the last has ended.
    `return_window_s` is how long after its success a transfer can still be returned, and a refund bounce.
    """

    ops: frozenset[Op]
    invokes: frozenset[Invoke]
    currencies: frozenset[Currency]
    amount_minor_min: AmountMinor
    amount_minor_max: AmountMinor
    close_proof: CloseProof
    idempotent_ops: frozenset[Op]
    callback_is_proof: bool
    call_timeout_s: float
    refund_first_query_after_s: int
    transfer_first_query_after_s: int
    close_margin_s: int
    refunds_one_at_a_time: bool
    return_window_s: int

    @property
    def close_margin(self) -> timedelta:
        """`close_margin_s` as a span of time."""
        return timedelta(seconds=self.close_margin_s)

    @property
    def return_window(self) -> timedelta:
        """`return_window_s` as a span of time."""
        return timedelta(seconds=self.return_window_s)

    def require(self, op: Op) -> None:
        """Return when the account can do it; `Unsupported` otherwise."""
        if op not in self.ops:
            raise Unsupported("operation", f"the channel cannot {op.value}")

    def require_invoke(self, invoke: Invoke) -> None:
        """Return when the payer can meet the channel in this way; `Unsupported` otherwise."""
        if invoke not in self.invokes:
            raise Unsupported("invoke", f"the channel has no {invoke.value}")

    def require_currency(self, currency: Currency) -> None:
        """Return when the account takes the currency; `Unsupported` otherwise."""
        if currency not in self.currencies:
            raise Unsupported("currency", f"the channel account does not take {currency.value}")

    def require_money(self, money: Money) -> None:
        """Return when the account takes a payment of this much; `Unsupported` otherwise."""
        self.require_currency(money.currency)
        if not self.amount_minor_min <= money.amount_minor <= self.amount_minor_max:
            raise Unsupported("amount", "the amount is outside the channel's limits")
