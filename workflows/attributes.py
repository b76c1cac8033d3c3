"""The search attributes of workflows, as both sides of the house know them."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.search_attributes import CHANNEL, MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO, PAYMENT_STATE

__all__ = ["CHANNEL", "MERCHANT_ID", "NEEDS_ATTENTION", "ORDER_NO", "PAYMENT_STATE"]
