"""Prefixed, time-ordered identifiers, made at the edge and never inside a workflow."""

import re
import secrets
import time
from typing import NewType

MerchantId = NewType("MerchantId", str)
PaymentId = NewType("PaymentId", str)
RefundId = NewType("RefundId", str)
PayoutId = NewType("PayoutId", str)
TransferId = NewType("TransferId", str)
AccountId = NewType("AccountId", str)
ChannelAccountId = NewType("ChannelAccountId", str)
OutNo = NewType("OutNo", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARACTERS = 10
_RANDOM_CHARACTERS = 16

#: The one format of a number sent to a channel that all of them accept (facts of the four channels).
OUT_NO_PATTERN = re.compile(r"^[0-9A-Za-z]{8,32}$")


def new_id(prefix: str) -> str:
    """`prefix_` and 26 characters (48 bits of milliseconds, 80 random bits) that sort by time of making."""
    return f"{prefix}_{_sortable()}"


def new_payment_id() -> PaymentId:
    """A payment id; it is also the id of the payment's workflow."""
    return PaymentId(new_id("pay"))


def new_refund_id() -> RefundId:
    """A refund id; it is also the id of the refund's workflow."""
    return RefundId(new_id("ref"))


def new_top_up_id() -> PaymentId:
    """A top-up's id: a payment into a wallet, and the id of its workflow."""
    return PaymentId(new_id("top"))


def new_payout_id() -> PayoutId:
    """A payout id; it is also the id of the payout's workflow."""
    return PayoutId(new_id("pyo"))


def new_transfer_id() -> TransferId:
    """A transfer id; it is also the id of the transfer's workflow."""
    return TransferId(new_id("trf"))


def new_out_no() -> OutNo:
    """Our number at the channel: 26 upper-case letters and digits, one per attempt, capture, refund and payout."""
    return OutNo(_sortable().upper())


def _sortable() -> str:
    milliseconds = time.time_ns() // 1_000_000
    return _encode(milliseconds, _TIME_CHARACTERS) + _encode(secrets.randbits(80), _RANDOM_CHARACTERS)


def _encode(number: int, length: int) -> str:
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters))
