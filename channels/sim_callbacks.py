"""Notifications of the `sim` channel: `docs/sim-protocol.md`, section Callbacks."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from channels.answers import OrderAnswer, RefundAnswer, TransferAnswer
from channels.callbacks import Ack, Callback, CallbackKind, Inbound
from channels.errors import CallbackRefused
from channels.evidence import Evidence
from channels.operations import Op
from channels.sim_account import SimContract
from channels.sim_answers import is_timely
from channels.sim_objects import (
    Received,
    SimOrder,
    SimRefund,
    SimTransfer,
    order_answer,
    refund_answer,
    transfer_answer,
)
from channels.sim_signing import request_bytes, verifies

ACK_OK = Ack(status=200, body=b'{"code":"OK"}', content_type="application/json")
ACK_FAIL = Ack(status=500, body=b'{"code":"FAIL"}', content_type="application/json")


class PaymentNotice(Received):
    """An order was paid."""

    kind: Literal["payment"]
    notify_id: str
    app_id: str
    resource: SimOrder


class RefundNotice(Received):
    """A refund succeeded, failed or bounced."""

    kind: Literal["refund"]
    notify_id: str
    app_id: str
    resource: SimRefund


class TransferNotice(Received):
    """A transfer succeeded, failed or was returned."""

    kind: Literal["transfer"]
    notify_id: str
    app_id: str
    resource: SimTransfer


Notice = PaymentNotice | RefundNotice | TransferNotice
_NOTICE: TypeAdapter[Notice] = TypeAdapter(Annotated[Notice, Field(discriminator="kind")])


def parse_notice(contract: SimContract, inbound: Inbound) -> Callback:
    """What the notification says, once the channel's key signed these bytes within 300 s; else `CallbackRefused`."""
    _verify(contract, inbound)
    try:
        notice = _NOTICE.validate_json(inbound.body)
        answer = _answer(notice, _evidence(inbound, notice.notify_id))
    except ValidationError as invalid:
        raise _refused("callback_unreadable", inbound) from invalid
    return Callback(
        kind=CallbackKind(notice.kind),
        dedupe_key=notice.notify_id,
        out_no=_out_no(notice),
        out_refund_no=notice.resource.out_refund_no if isinstance(notice, RefundNotice) else None,
        out_transfer_no=notice.resource.out_transfer_no if isinstance(notice, TransferNotice) else None,
        account_matches=notice.app_id == contract.config.app_id,
        answer=answer,
        ack_ok=ACK_OK,
        ack_fail=ACK_FAIL,
    )


def _verify(contract: SimContract, inbound: Inbound) -> None:
    timestamp = inbound.headers.get("sim-timestamp", "")
    covered = request_bytes(
        inbound.method,
        inbound.path_and_query,
        timestamp=timestamp,
        nonce=inbound.headers.get("sim-nonce", ""),
        body=inbound.body,
    )
    if not verifies(contract.channel_public_key, inbound.headers.get("sim-signature", ""), covered):
        raise _refused("bad_signature", inbound)
    if not is_timely(timestamp, inbound.received_at):
        raise _refused("stale_timestamp", inbound)


def _out_no(notice: Notice) -> str:
    return notice.resource.out_transfer_no if isinstance(notice, TransferNotice) else notice.resource.out_no


def _answer(notice: Notice, evidence: Evidence) -> OrderAnswer | RefundAnswer | TransferAnswer:
    match notice:
        case PaymentNotice():
            return order_answer(notice.resource, evidence)
        case RefundNotice():
            return refund_answer(notice.resource, evidence)
        case TransferNotice():
            return transfer_answer(notice.resource, evidence)


def _refused(code: str, inbound: Inbound) -> CallbackRefused:
    return CallbackRefused(code, evidence=_evidence(inbound, None, code))


def _evidence(inbound: Inbound, request_id: str | None, code: str | None = None) -> Evidence:
    return Evidence(op=Op.CALLBACK, code=code, request_id=request_id, received_at=inbound.received_at, raw=inbound.body)
