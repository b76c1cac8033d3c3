"""What the `sim` channel answers about transfers and about our balance there."""

from channels.answers import BalanceAnswer, TransferAnswer, TransferAnswerState
from channels.base import TransferOrder
from channels.sim_answers import HTTP_OK, Verified, read_object, refusal, require_same, undecided
from channels.sim_objects import SimBalance, SimTransfer, transfer_answer
from domain.money import Currency, Money

_REFUSED_TRANSFER = {
    (400, "PARAM_ERROR"): TransferAnswerState.FAILED,
    (409, "PAYEE_REFUSED"): TransferAnswerState.FAILED,
    (409, "APP_BALANCE_NOT_ENOUGH"): TransferAnswerState.NEEDS_ACTION,
}
_MISSING_TRANSFER = {(404, "TRANSFER_NOT_FOUND"): TransferAnswerState.NOT_FOUND}


def parse_transfer(order: TransferOrder, answer: Verified) -> TransferAnswer:
    """The transfer as it stands after the call that made it; `Unknown` when it is not the one asked for."""
    if answer.wire.status != HTTP_OK:
        return _refused(answer, _REFUSED_TRANSFER)
    received = read_object(SimTransfer, answer)
    require_same(
        answer,
        asked=(order.out_transfer_no, order.money.amount_minor, order.money.currency),
        told=(received.out_transfer_no, received.amount_minor, received.currency),
    )
    return transfer_answer(received, answer.evidence())


def parse_transfer_query(out_transfer_no: str, answer: Verified) -> TransferAnswer:
    """The transfer as a query tells it."""
    if answer.wire.status != HTTP_OK:
        return _refused(answer, _MISSING_TRANSFER)
    received = read_object(SimTransfer, answer)
    require_same(answer, asked=(out_transfer_no,), told=(received.out_transfer_no,))
    return transfer_answer(received, answer.evidence())


def parse_balance(currency: Currency, answer: Verified) -> BalanceAnswer:
    """Our balance in this currency; a refusal decides nothing and is raised."""
    if answer.wire.status != HTTP_OK:
        raise undecided(answer)
    received = read_object(SimBalance, answer)
    require_same(answer, asked=(currency,), told=(received.currency,))
    available = Money(amount_minor=received.available_minor, currency=received.currency)
    return BalanceAnswer(available=available, evidence=answer.evidence())


def _refused(answer: Verified, states: dict[tuple[int, str], TransferAnswerState]) -> TransferAnswer:
    code, state = refusal(answer, states)
    return TransferAnswer(state=state, code=code, evidence=answer.evidence(code))
