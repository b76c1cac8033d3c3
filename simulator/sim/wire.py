"""What the sim channel reads and writes: the bodies of its requests and its objects."""

import re
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from simulator.clock import rfc3339
from simulator.fields import CURRENCY, HTTP_URL, NUMBER, Fields
from simulator.orders import Order
from simulator.refunds import Refund
from simulator.refusals import ParamError
from simulator.transfers import Transfer

CHANNEL = "sim"
AUTH_CODE = re.compile(r"28(pay|decline|wait)[!-~]{0,64}")


class Invoke(StrEnum):
    """How the payer reaches the payment."""

    QR = "qr"
    PAGE = "page"
    BARCODE = "barcode"


def order_terms(fields: Fields) -> dict[str, Any]:
    """Read what a merchant asks for in an order, or raise `ParamError`."""
    invoke = fields.choice("invoke", Invoke)
    auth_code = fields.optional_text("auth_code", AUTH_CODE)
    if (invoke is Invoke.BARCODE) != (auth_code is not None):
        raise ParamError("auth_code goes with invoke barcode, and only with it")
    return {
        "amount_minor": fields.integer("amount_minor"),
        "currency": fields.text("currency", CURRENCY),
        "subject": fields.text("subject"),
        "invoke": invoke,
        "expire_at": fields.text("expire_at"),
        "notify_url": fields.text("notify_url", HTTP_URL),
        "auth_code": auth_code,
        "return_url": fields.optional_text("return_url", HTTP_URL),
    }


def refund_terms(fields: Fields) -> dict[str, Any]:
    """Read what a merchant asks for in a refund, or raise `ParamError`."""
    return {
        "out_no": fields.text("out_no", NUMBER),
        "amount_minor": fields.integer("amount_minor"),
        "currency": fields.text("currency", CURRENCY),
        "reason": fields.text("reason"),
        "notify_url": fields.optional_text("notify_url", HTTP_URL),
    }


def transfer_terms(fields: Fields) -> dict[str, Any]:
    """Read what a merchant asks for in a transfer, or raise `ParamError`."""
    return {
        "amount_minor": fields.integer("amount_minor"),
        "currency": fields.text("currency", CURRENCY),
        "account": fields.text("account"),
        "name": fields.optional_text("name"),
        "memo": fields.optional_text("memo"),
        "notify_url": fields.optional_text("notify_url", HTTP_URL),
    }


def channel_number(prefix: str, at: float) -> str:
    """Make a number of the channel's own; they grow with time, so a list sorted by them is in the order of making."""
    return f"{prefix}{int(at * 1_000_000)}{secrets.randbelow(10_000):04}"


def instant(text: str) -> float:
    """Read an RFC 3339 time as epoch seconds, or raise `ParamError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ParamError(f"{text!r} is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise ParamError(f"{text!r} has no offset from UTC")
    return moment.timestamp()


def same_terms(stored: str, asked: dict[str, Any]) -> bool:
    """Tell whether a repeat asks for the same; the same instant may be written in two ways."""
    known = orjson.loads(stored)
    if "expire_at" not in known:
        return bool(known == asked)
    return bool(
        {**known, "expire_at": instant(known["expire_at"])} == {**asked, "expire_at": instant(asked["expire_at"])}
    )


def order_object(order: Order, cashier_url: str) -> dict[str, Any]:
    """Write an order; both the QR code and the page lead to the cashier, where a person can pay."""
    terms = orjson.loads(order.terms)
    return {
        "out_no": order.out_no,
        "channel_no": order.channel_no,
        "state": order.state,
        "amount_minor": order.amount_minor,
        "paid_amount_minor": order.paid_amount_minor,
        "currency": order.currency,
        "invoke": terms["invoke"],
        "expire_at": terms["expire_at"],
        "paid_at": _time(order.paid_at),
        "qr_text": cashier_url if terms["invoke"] == Invoke.QR else None,
        "url": cashier_url if terms["invoke"] == Invoke.PAGE else None,
    }


def refund_object(refund: Refund) -> dict[str, Any]:
    """Write a refund."""
    return {
        "out_refund_no": refund.out_refund_no,
        "channel_refund_no": refund.channel_refund_no,
        "out_no": refund.out_no,
        "state": refund.state,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "succeeded_at": _time(refund.succeeded_at),
        "bounced_at": _time(refund.bounced_at),
        "fail_code": refund.fail_code,
    }


def transfer_object(transfer: Transfer) -> dict[str, Any]:
    """Write a transfer; who is paid stays between the merchant and the request."""
    return {
        "out_transfer_no": transfer.out_transfer_no,
        "channel_transfer_no": transfer.channel_transfer_no,
        "state": transfer.state,
        "amount_minor": transfer.amount_minor,
        "currency": transfer.currency,
        "succeeded_at": _time(transfer.succeeded_at),
        "returned_at": _time(transfer.returned_at),
        "fail_code": transfer.fail_code,
    }


def _time(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
