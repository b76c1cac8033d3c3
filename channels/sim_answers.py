"""What comes back from the `sim` channel, verified before it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from channels.answers import AnswerState, OrderAnswer, RefundAnswer, RefundAnswerState, TransferAnswerState
from channels.base import PayOrder, RefundOrder
from channels.errors import ChannelError, Misconfigured, RateLimited, Unknown
from channels.evidence import Evidence
from channels.http import Call, WireAnswer
from channels.sim_account import SimContract
from channels.sim_objects import Received, SimError, SimOrder, SimRefund, order_answer, refund_answer
from channels.sim_signing import answer_bytes, verifies

State = TypeVar("State", AnswerState, RefundAnswerState, TransferAnswerState)
Object = TypeVar("Object", bound=Received)

HTTP_OK = 200
TIMESTAMP_TOLERANCE_S = 300
TIMESTAMP_DIGITS_MAX = 12


@dataclass(frozen=True, slots=True)
class Verified:
    """An answer that the channel signed for this very request."""

    call: Call
    wire: WireAnswer

    def evidence(self, code: str | None = None) -> Evidence:
        """What to keep of it."""
        return self.wire.evidence(self.call, code)


_REJECTED_PAY = {(400, "PARAM_ERROR"): AnswerState.REJECTED}
_MISSING_ORDER = {(404, "ORDER_NOT_FOUND"): AnswerState.NOT_FOUND}
_REFUSED_REFUND = {
    (400, "PARAM_ERROR"): RefundAnswerState.FAILED,
    (404, "ORDER_NOT_FOUND"): RefundAnswerState.FAILED,
    (409, "ORDER_NOT_PAID"): RefundAnswerState.FAILED,
    (409, "REFUND_EXCEEDS"): RefundAnswerState.FAILED,
    (409, "APP_BALANCE_NOT_ENOUGH"): RefundAnswerState.NEEDS_ACTION,
}
_MISSING_REFUND = {(404, "REFUND_NOT_FOUND"): RefundAnswerState.NOT_FOUND}
#: Of every operation. Whatever stands in no table is `Unknown`: `DUPLICATE_MISMATCH` too, for then the number exists
#: and only a query tells what became of it.
_EXCEPTIONS: dict[tuple[int, str], type[ChannelError]] = {
    (401, "SIGN_ERROR"): Misconfigured,
    (429, "RATE_LIMITED"): RateLimited,
}

ORDER_PAID = (409, "ORDER_PAID")


def verified(contract: SimContract, call: Call, wire: WireAnswer) -> Verified:
    """The answer, when the channel's key signed it for this request within 300 s of now; `Unknown` otherwise."""
    timestamp, nonce = wire.headers.get("Sim-Timestamp", ""), wire.headers.get("Sim-Nonce", "")
    covered = answer_bytes(wire.status, timestamp=timestamp, nonce=nonce, body=wire.body)
    if not verifies(contract.channel_public_key, wire.headers.get("Sim-Signature", ""), covered):
        raise Unknown("bad_signature", evidence=wire.evidence(call, "bad_signature"))
    if nonce != call.request_id or not is_timely(timestamp, wire.received_at):
        raise Unknown("answer_not_ours", evidence=wire.evidence(call, "answer_not_ours"))
    return Verified(call, wire)


def is_timely(timestamp: str, received_at: datetime) -> bool:
    """True when the unix time is within 300 s of the moment."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= TIMESTAMP_DIGITS_MAX):
        return False
    return abs(int(timestamp) - received_at.timestamp()) <= TIMESTAMP_TOLERANCE_S


def parse_pay(order: PayOrder, answer: Verified) -> OrderAnswer:
    """The order as it stands after the call that made it; `Unknown` when it is not the one asked for."""
    if answer.wire.status != HTTP_OK:
        return _order_refused(answer, _REJECTED_PAY)
    received = read_object(SimOrder, answer)
    require_same(
        answer,
        asked=(order.out_no, order.money.amount_minor, order.money.currency),
        told=(received.out_no, received.amount_minor, received.currency),
    )
    return _order_answer(received, answer)


def parse_order(out_no: str, answer: Verified) -> OrderAnswer:
    """The order as a query or a close tells it."""
    if answer.wire.status != HTTP_OK:
        return _order_refused(answer, _MISSING_ORDER)
    received = read_object(SimOrder, answer)
    require_same(answer, asked=(out_no,), told=(received.out_no,))
    return _order_answer(received, answer)


def is_refused_as_paid(answer: Verified) -> bool:
    """True when a close was refused because the order is paid; the refusal does not say how much."""
    return answer.wire.status == ORDER_PAID[0] and read_object(SimError, answer).code == ORDER_PAID[1]


def parse_refund(order: RefundOrder, answer: Verified) -> RefundAnswer:
    """The refund as it stands after the call that made it; `Unknown` when it is not the one asked for."""
    if answer.wire.status != HTTP_OK:
        return _refund_refused(answer, _REFUSED_REFUND)
    received = read_object(SimRefund, answer)
    require_same(
        answer,
        asked=(order.out_refund_no, order.out_no, order.money.amount_minor, order.money.currency),
        told=(received.out_refund_no, received.out_no, received.amount_minor, received.currency),
    )
    return refund_answer(received, answer.evidence())


def parse_refund_query(out_refund_no: str, out_no: str, *, answer: Verified) -> RefundAnswer:
    """The refund as a query tells it."""
    if answer.wire.status != HTTP_OK:
        return _refund_refused(answer, _MISSING_REFUND)
    received = read_object(SimRefund, answer)
    require_same(answer, asked=(out_refund_no, out_no), told=(received.out_refund_no, received.out_no))
    return refund_answer(received, answer.evidence())


def refusal(answer: Verified, states: Mapping[tuple[int, str], State]) -> tuple[str, State]:
    """The channel's code and what it means for this operation; `undecided` is raised when it means nothing."""
    code = read_object(SimError, answer).code
    told = (answer.wire.status, code)
    if told in states:
        return code, states[told]
    raise undecided(answer)


def undecided(answer: Verified) -> ChannelError:
    """What a refusal that decides nothing is raised as: `Unknown`, unless the channel says that it did nothing."""
    code = read_object(SimError, answer).code
    return _EXCEPTIONS.get((answer.wire.status, code), Unknown)(code, evidence=answer.evidence(code))


def read_object(model: type[Object], answer: Verified) -> Object:
    """The object in the answer's body; `Unknown` when it is not one."""
    try:
        return model.model_validate_json(answer.wire.body)
    except ValidationError as invalid:
        raise _unreadable(answer) from invalid


def require_same(answer: Verified, *, asked: tuple[object, ...], told: tuple[object, ...]) -> None:
    """Return when the answer speaks of what was asked for; `Unknown` otherwise."""
    if asked != told:
        raise Unknown("answer_mismatch", "another object", evidence=answer.evidence("answer_mismatch"))


def _order_refused(answer: Verified, states: Mapping[tuple[int, str], AnswerState]) -> OrderAnswer:
    code, state = refusal(answer, states)
    return OrderAnswer(state=state, code=code, evidence=answer.evidence(code))


def _refund_refused(answer: Verified, states: Mapping[tuple[int, str], RefundAnswerState]) -> RefundAnswer:
    code, state = refusal(answer, states)
    return RefundAnswer(state=state, code=code, evidence=answer.evidence(code))


def _order_answer(order: SimOrder, answer: Verified) -> OrderAnswer:
    try:
        return order_answer(order, answer.evidence())
    except ValidationError as invalid:
        raise _unreadable(answer) from invalid


def _unreadable(answer: Verified) -> Unknown:
    return Unknown("answer_unreadable", evidence=answer.evidence("answer_unreadable"))
