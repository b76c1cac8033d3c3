"""How the control API shows what stands in the book."""

from typing import Any

from simulator.orders import Order
from simulator.refunds import Refund
from simulator.transfers import Transfer


def order_row(order: Order) -> dict[str, Any]:
    """Show an order with what was really paid."""
    return {
        "out_no": order.out_no,
        "channel_no": order.channel_no,
        "app_id": order.app_id,
        "state": order.state,
        "amount_minor": order.truth_minor(),
        "currency": order.currency,
    }


def refund_row(refund: Refund) -> dict[str, Any]:
    """Show a refund; `refund_no` is the merchant's number."""
    return {
        "out_no": refund.out_no,
        "refund_no": refund.out_refund_no,
        "state": refund.state,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
    }


def transfer_row(transfer: Transfer) -> dict[str, Any]:
    """Show a transfer; `out_no` is the merchant's number."""
    return {
        "out_no": transfer.out_transfer_no,
        "channel_no": transfer.channel_transfer_no,
        "app_id": transfer.app_id,
        "state": transfer.state,
        "amount_minor": transfer.amount_minor,
        "currency": transfer.currency,
        "account": transfer.account,
    }
