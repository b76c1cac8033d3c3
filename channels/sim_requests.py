"""What is sent to the `sim` channel: `docs/sim-protocol.md`, one function an operation."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import orjson

from channels.base import PayOrder, RefundOrder, TransferOrder
from channels.errors import Unsupported
from channels.http import Call
from channels.operations import Op
from channels.sim_account import SimContract
from channels.sim_signing import request_bytes, sign
from domain.ids import OUT_NO_PATTERN
from domain.money import Currency


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request before it is signed; `path` stands behind the channel's base URL."""

    op: Op
    method: str
    path: str
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What makes a request new: its nonce, its time, and when it is given up (event loop time)."""

    nonce: str
    at: datetime
    ends_at: float


def build_pay(order: PayOrder) -> Unsigned:
    """Make an order; equal orders give equal bytes."""
    fields = {
        "out_no": _number(order.out_no),
        "amount_minor": order.money.amount_minor,
        "currency": order.money.currency,
        "subject": order.subject,
        "invoke": order.invoke,
        "expire_at": rfc3339(order.expires_at),
        "notify_url": order.notify_url,
    }
    optional = {"auth_code": order.auth_code, "return_url": order.return_url}
    return Unsigned(Op.PAY, "POST", "/v1/orders", _json(fields, optional))


def build_query(out_no: str) -> Unsigned:
    """Ask for an order."""
    return Unsigned(Op.QUERY, "GET", f"/v1/orders/{_number(out_no)}")


def build_close(out_no: str) -> Unsigned:
    """End an order that nobody paid."""
    return Unsigned(Op.CLOSE, "POST", f"/v1/orders/{_number(out_no)}/close", b"{}")


def build_refund(order: RefundOrder) -> Unsigned:
    """Give money back; equal refunds give equal bytes."""
    fields = {
        "out_refund_no": _number(order.out_refund_no),
        "out_no": _number(order.out_no),
        "amount_minor": order.money.amount_minor,
        "currency": order.money.currency,
        "reason": order.reason,
    }
    return Unsigned(Op.REFUND, "POST", "/v1/refunds", _json(fields, {"notify_url": order.notify_url}))


def build_refund_query(out_refund_no: str) -> Unsigned:
    """Ask for a refund."""
    return Unsigned(Op.REFUND_QUERY, "GET", f"/v1/refunds/{_number(out_refund_no)}")


def build_transfer(order: TransferOrder) -> Unsigned:
    """Send money out of our balance; equal transfers give equal bytes."""
    fields = {
        "out_transfer_no": _number(order.out_transfer_no),
        "amount_minor": order.money.amount_minor,
        "currency": order.money.currency,
        "account": order.account,
    }
    optional = {"name": order.name, "memo": order.memo, "notify_url": order.notify_url}
    return Unsigned(Op.TRANSFER, "POST", "/v1/transfers", _json(fields, optional))


def build_transfer_query(out_transfer_no: str) -> Unsigned:
    """Ask for a transfer."""
    return Unsigned(Op.TRANSFER_QUERY, "GET", f"/v1/transfers/{_number(out_transfer_no)}")


def build_balance(currency: Currency) -> Unsigned:
    """Ask what the channel holds for us."""
    return Unsigned(Op.BALANCE, "GET", f"/v1/balance?currency={currency.value}")


def signed(contract: SimContract, unsigned: Unsigned, stamp: Stamp) -> Call:
    """The request as it goes over the wire, signed over exactly those bytes."""
    url = httpx.URL(contract.config.base_url + unsigned.path)
    timestamp = str(int(stamp.at.timestamp()))
    covered = request_bytes(
        unsigned.method, url.raw_path.decode(), timestamp=timestamp, nonce=stamp.nonce, body=unsigned.body
    )
    headers = {
        "Sim-App": contract.config.app_id,
        "Sim-Timestamp": timestamp,
        "Sim-Nonce": stamp.nonce,
        "Sim-Signature": sign(contract.private_key, covered),
    }
    if unsigned.body:
        headers["Content-Type"] = "application/json"
    return Call(
        op=unsigned.op,
        method=unsigned.method,
        url=url,
        headers=headers,
        body=unsigned.body,
        request_id=stamp.nonce,
        ends_at=stamp.ends_at,
    )


def rfc3339(at: datetime) -> str:
    """The instant in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(number: str) -> str:
    if OUT_NO_PATTERN.fullmatch(number) is None:
        raise Unsupported("number", "the number is not 8 to 32 letters and digits")
    return number


def _json(fields: dict[str, object], optional: dict[str, str | None]) -> bytes:
    return orjson.dumps(fields | {name: value for name, value in optional.items() if value is not None})
