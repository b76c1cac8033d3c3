"""The payment as the business sees it: a pure function of its rows."""

from typing import Any

import pytest

from domain.objects import render_payment

AT = "2026-11-20T12:00:00.123456+08:00"
PAY = {"kind": "qr", "qr_text": "https://pay.example/q/1"}


def _payment(**columns: Any) -> dict[str, Any]:  # noqa: ANN401
    row = dict.fromkeys(("failure_code", "failure_detail", "close_reason", "next_check_at", "attention_reason"))
    row |= dict.fromkeys(("attention_owner", "revives", "paid_at"))
    row |= {
        "id": "pay_1",
        "merchant_id": "mer_1",
        "order_no": "order-1",
        "state": "awaiting_payer",
        "version": 2,
        "subject": "tea",
        "amount_minor": 10_000,
        "currency": "CNY",
        "balance_minor": 3_000,
        "channel_minor": 7_000,
        "coupon_minor": 0,
        "shipping_minor": 0,
        "fee_minor": 60,
        "captured_minor": 0,
        "refunded_minor": 0,
        "channel": "sim",
        "invoke": "qr",
        "certainty": "waiting",
        "needs_attention": False,
        "expires_at": AT,
        "metadata": {"shop": "7"},
        "created_at": AT,
        "payer": {"open_id": "planted secret"},
    }
    return row | columns


def _attempt(number: int, state: str, **columns: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "out_no": f"OUTNO{number:03}",
        "number": number,
        "channel": "sim",
        "channel_no": f"SIM{number}",
        "invoke": "qr",
        "state": state,
        "pay": PAY,
        "expires_at": AT,
        **columns,
    }


def test_a_waiting_payment_shows_what_the_payer_needs() -> None:
    """Amounts derived, times in UTC, `pay` of the newest attempt with its expiry."""
    shown = render_payment({"payment": _payment(), "attempts": [_attempt(1, "waiting")]}, with_pay=True)
    told = shown.model_dump(mode="json")
    assert (9_940, 0, "OUTNO001", "SIM1") == (
        told["net_minor"],
        told["refundable_minor"],
        told["out_no"],
        told["channel_no"],
    )
    assert PAY | {"expires_at": "2026-11-20T04:00:00.123456Z"} == told["pay"]
    assert "planted" not in shown.model_dump_json()


def test_an_event_never_carries_pay_parameters() -> None:
    """Law 14: what pays stays between the database and the answer."""
    shown = render_payment({"payment": _payment(), "attempts": [_attempt(1, "waiting")]}, with_pay=False)
    assert None is shown.pay


@pytest.mark.parametrize("state", ["closing", "confirming", "succeeded", "closed", "failed"])
def test_there_is_nothing_to_pay_once_a_payment_turns(state: str) -> None:
    """Whoever scans now must not be able to pay."""
    columns = {"state": state, "failure_code": "channel_declined"}
    shown = render_payment({"payment": _payment(**columns), "attempts": [_attempt(1, "waiting")]}, with_pay=True)
    assert None is shown.pay


def test_an_ended_attempt_has_nothing_to_pay() -> None:
    """The newest attempt decides, whatever an older one had."""
    attempts = [_attempt(2, "declined"), _attempt(1, "waiting")]
    shown = render_payment({"payment": _payment(), "attempts": attempts}, with_pay=True)
    assert (None, "OUTNO002") == (shown.pay, shown.out_no)


def test_the_winner_stands_for_a_paid_payment() -> None:
    """Neither a later attempt nor money that came twice."""
    attempts = [_attempt(1, "paid", channel="alipay"), _attempt(2, "paid_twice")]
    shown = render_payment({"payment": _payment(state="succeeded"), "attempts": attempts}, with_pay=True)
    assert ("OUTNO001", "alipay", 2) == (shown.out_no, shown.channel, len(shown.attempts))


def test_a_payment_from_the_balance_has_nothing_to_pay() -> None:
    """`none` instead of null: the answer is complete."""
    columns = {"state": "succeeded", "channel_minor": 0, "balance_minor": 10_000, "channel": None, "invoke": None}
    shown = render_payment({"payment": _payment(**columns), "attempts": []}, with_pay=True)
    assert shown.pay is not None
    assert ("none", None, None) == (shown.pay.kind, shown.out_no, shown.channel)


def test_a_failure_carries_its_code_and_words() -> None:
    """A code without words speaks for itself."""
    columns = {"state": "failed", "failure_code": "out_of_stock"}
    shown = render_payment({"payment": _payment(**columns), "attempts": []}, with_pay=False)
    assert {"code": "out_of_stock", "detail": "out_of_stock"} == shown.model_dump()["failure"]


def test_attention_names_reason_and_owner() -> None:
    """Somebody is responsible."""
    columns = {"needs_attention": True, "attention_reason": "unknown for an hour", "attention_owner": "operations"}
    shown = render_payment({"payment": _payment(**columns), "attempts": []}, with_pay=False)
    assert {"reason": "unknown for an hour", "owner": "operations"} == shown.model_dump()["attention"]
