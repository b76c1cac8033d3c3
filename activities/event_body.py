"""The object that an event tells about, as the API shows it, without what only the payer needs."""

from typing import Any

from domain.objects import render_payment, render_top_up
from domain.outgoing_objects import render_payout, render_transfer
from domain.refund_objects import render_refund


def render_object(event_type: str, snapshot: dict[str, Any]) -> dict[str, Any]:
    """The object as it was at the change; KeyError for a kind of event that nobody renders."""
    renderers = {
        "payment": _payment,
        "top_up": _top_up,
        "refund": _refund,
        "late_payment": _refund,
        "payout": _payout,
        "transfer": _transfer,
    }
    kind = event_type.partition(".")[0]
    return renderers[kind](snapshot)


def _payment(snapshot: dict[str, Any]) -> dict[str, Any]:
    return render_payment(snapshot, with_pay=False).model_dump(mode="json", exclude={"pay"})


def _top_up(snapshot: dict[str, Any]) -> dict[str, Any]:
    return render_top_up(snapshot, with_pay=False).model_dump(mode="json", exclude={"pay"})


def _refund(snapshot: dict[str, Any]) -> dict[str, Any]:
    return render_refund(snapshot["refund"]).model_dump(mode="json")


def _payout(snapshot: dict[str, Any]) -> dict[str, Any]:
    return render_payout(snapshot).model_dump(mode="json")


def _transfer(snapshot: dict[str, Any]) -> dict[str, Any]:
    return render_transfer(snapshot).model_dump(mode="json")
