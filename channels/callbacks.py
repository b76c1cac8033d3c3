"""A notification from a channel: the bytes that came in, and what they say once they are verified."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field

from channels.answers import OrderAnswer, RefundAnswer, TransferAnswer
from domain.orders import Frozen


def _lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Inbound(Frozen):
    """One HTTP request as the channel sent it; `headers` are found by lower-case names, `body` is untouched."""

    method: str
    path_and_query: str
    headers: Annotated[dict[str, str], BeforeValidator(_lower_names)] = Field(repr=False)
    body: bytes = Field(repr=False)
    received_at: AwareDatetime


class Ack(Frozen):
    """What the web layer answers to the channel, word for word."""

    status: int
    body: bytes
    content_type: str


class CallbackKind(StrEnum):
    """What the notification is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    TRANSFER = "transfer"


class Callback(Frozen):
    """A verified notification. It is a hint (law 8): `account_matches` and the numbers are for the caller to check.

    `dedupe_key` is the same for every repeat of one notification. `answer` is an `OrderAnswer` for a payment, a
    `RefundAnswer` for a refund (a bounce too), a `TransferAnswer` for a transfer, whose number is both `out_no` and
    `out_transfer_no`. `ack_ok` is answered once the notification is stored, `ack_fail` to have it repeated.
    """

    kind: CallbackKind
    dedupe_key: str
    out_no: str
    out_refund_no: str | None = None
    out_transfer_no: str | None = None
    account_matches: bool
    answer: OrderAnswer | RefundAnswer | TransferAnswer
    ack_ok: Ack
    ack_fail: Ack
