"""The search attributes of workflows, as both sides of the house know them."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.search_attributes import CHANNEL, MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO, PAYMENT_STATE

__all__ = ["CHANNEL", "MERCHANT_ID", "NEEDS_ATTENTION", "ORDER_NO", "list_end"]

_USUAL = "succeeded"


def list_end(state: str) -> None:
    """The list of workflows has the state that an object ended in, unless it succeeded (decision 0014).

    One whose workflow was started with a state, as older releases do, or with no attributes at all, is listed with its
    end in any case.
    """
    started_with = workflow.info().typed_search_attributes
    if state == _USUAL and started_with.get(MERCHANT_ID) is not None and started_with.get(PAYMENT_STATE) is None:
        return
    workflow.upsert_search_attributes([PAYMENT_STATE.value_set(state)])
