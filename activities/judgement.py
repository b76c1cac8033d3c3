"""What a channel's answer means for an attempt and its payment: one pure function, no I/O (laws 4, 5, 8, 9)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from channels.answers import AnswerState, OrderAnswer
from domain.backoff import WATCH_FOR, live_check_after, watch_check_after
from domain.states import AttemptState, Certainty, CloseProof, CloseReason, PaymentState

ATTENTION_OWNER = "operations"
BEFORE_PIVOT = tuple(state for state in PaymentState if state.before_pivot)
OPEN_TO_PAYER = (PaymentState.PENDING, PaymentState.IN_REVIEW, PaymentState.AWAITING_PAYER, PaymentState.PROCESSING)


class Unapplied(StrEnum):
    """Money that cannot become this payment, and so is posted apart and given back (law 9)."""

    LATE = "late"
    DUPLICATE = "duplicate"
    MISMATCH = "mismatch"


@dataclass(frozen=True)
class Standing:
    """The locked rows as the judgement needs them, at `read_at` by the database's clock."""

    payment_id: str
    merchant_id: str
    payment_state: PaymentState
    refused: bool
    needs_attention: bool
    attention_after_s: int
    out_no: str
    channel: str
    channel_account_id: str
    attempt_state: AttemptState
    amount_minor: int
    currency: str
    close_proof: CloseProof
    close_margin_s: int
    expires_at: datetime
    sent_at: datetime | None
    checks: int
    watch_until: datetime | None
    read_at: datetime


@dataclass(frozen=True)
class Move:
    """How the payment moves, and what an event tells of it; its type begins with what the payment is for."""

    to: PaymentState
    origins: tuple[PaymentState, ...]
    columns: dict[str, Any] = field(default_factory=dict)
    event: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The columns of the attempt that change, the payment's move if any, and money that came wrongly if any."""

    attempt: dict[str, Any] = field(default_factory=dict)
    move: Move | None = None
    unapplied: Unapplied | None = None


def judge(standing: Standing, answer: OrderAnswer | None, at: datetime) -> Verdict:
    """The verdict on one answer; None stands for a call whose outcome is unknown. `at` is now."""
    state = AnswerState.NOT_FOUND if answer is None else answer.state
    match state:
        case AnswerState.PAID if answer is not None:
            return _paid(standing, answer, at)
        case AnswerState.DECLINED | AnswerState.REJECTED if answer is not None:
            return _ended(standing, answer, at)
        case AnswerState.WAITING | AnswerState.PROCESSING | AnswerState.AUTHORIZED if answer is not None:
            return _unpaid(standing, answer, at)
        case AnswerState.CLOSED:
            return _closed(standing, at)
        case _:
            return _unsure(standing, at, answered=answer is not None)


def _paid(standing: Standing, answer: OrderAnswer, at: datetime) -> Verdict:
    if standing.attempt_state.received_money:
        return _asked_again(standing, at)
    received = {
        "channel_no": answer.channel_no,
        "received_minor": answer.paid_amount_minor,
        "received_currency": answer.currency,
        "paid_at": (answer.paid_at or at).isoformat(),
        "next_check_at": None,
        "watch_until": None,
        "checked": 1,
    }
    matches = (answer.paid_amount_minor, answer.currency) == (standing.amount_minor, standing.currency)
    if not matches:
        mismatch = {**received, "state": AttemptState.PAID_MISMATCH}
        return Verdict(mismatch, _closing_for_mismatch(standing), Unapplied.MISMATCH)
    if standing.payment_state in {PaymentState.CONFIRMING, PaymentState.SUCCEEDED}:
        return Verdict({**received, "state": AttemptState.PAID_TWICE}, None, Unapplied.DUPLICATE)
    if not standing.payment_state.before_pivot or not standing.attempt_state.open or standing.refused:
        return Verdict({**received, "state": AttemptState.PAID_LATE}, None, Unapplied.LATE)
    columns = {
        "certainty": Certainty.SURE,
        "paid_at": received["paid_at"],
        "next_check_at": None,
        "close_reason": None,
    }
    return Verdict({**received, "state": AttemptState.PAID}, Move(PaymentState.CONFIRMING, BEFORE_PIVOT, columns))


def _closing_for_mismatch(standing: Standing) -> Move | None:
    """A wrong amount ends the payment; one that is ended or won already by another attempt stays as it is."""
    if standing.payment_state not in OPEN_TO_PAYER or not standing.attempt_state.open:
        return None
    return Move(PaymentState.CLOSING, OPEN_TO_PAYER, {"close_reason": CloseReason.AMOUNT_MISMATCH})


def _ended(standing: Standing, answer: OrderAnswer, at: datetime) -> Verdict:
    """Declined is final at the channel; rejected means that this call made no order there."""
    if not standing.attempt_state.open:
        return _asked_again(standing, at)
    state = AttemptState.DECLINED if answer.state is AnswerState.DECLINED else AttemptState.REJECTED
    attempt = {"state": state, "failure_code": answer.code, "channel_no": answer.channel_no}
    return Verdict({**attempt, **_watch(standing, at)}, _sure(standing))


def _closed(standing: Standing, at: datetime) -> Verdict:
    if not standing.attempt_state.open:
        return _asked_again(standing, at)
    if standing.close_proof is CloseProof.FINAL or _expiry_proves(standing, at):
        return Verdict({"state": AttemptState.CLOSED, **_watch(standing, at)}, _sure(standing))
    # Closed is what the channel says, not what it proves: the attempt stays open until its expiry and margin.
    next_check_at = (at + live_check_after(standing.out_no, standing.checks)).isoformat()
    return Verdict({"state": AttemptState.WAITING, "next_check_at": next_check_at, "checked": 1})


def _unpaid(standing: Standing, answer: OrderAnswer, at: datetime) -> Verdict:
    if not standing.attempt_state.open:
        return _asked_again(standing, at)
    if _expiry_proves(standing, at):
        return _closed(standing, at)
    next_check_at = (at + live_check_after(standing.out_no, standing.checks)).isoformat()
    attempt = {
        "state": AttemptState.WAITING,
        "channel_no": answer.channel_no,
        "pay": None if answer.pay is None else answer.pay.model_dump(mode="json"),
        "next_check_at": next_check_at,
        "checked": 1,
    }
    columns = {"certainty": Certainty.WAITING, "next_check_at": next_check_at}
    if standing.payment_state is not PaymentState.PENDING:
        certain = standing.attempt_state is AttemptState.WAITING
        return Verdict(
            _without_none(attempt), None if certain else Move(standing.payment_state, OPEN_TO_PAYER, columns)
        )
    if answer.state is AnswerState.PROCESSING:
        return Verdict(_without_none(attempt), Move(PaymentState.PROCESSING, (PaymentState.PENDING,), columns))
    move = Move(PaymentState.AWAITING_PAYER, (PaymentState.PENDING,), columns, "awaiting_payer")
    return Verdict(_without_none(attempt), move)


def _unsure(standing: Standing, at: datetime, *, answered: bool) -> Verdict:
    """No answer, or `not found`: neither proves anything (law 5); a waiting order stays waiting, and is asked again.

    Only "not found" after the expiry is an answer that a channel's close proof may rest on; silence never is.
    """
    if not standing.attempt_state.open or standing.attempt_state is AttemptState.INTENT:
        return _asked_again(standing, at)
    if answered and _expiry_proves(standing, at):
        return _closed(standing, at)
    state = AttemptState.WAITING if standing.attempt_state is AttemptState.WAITING else AttemptState.UNKNOWN
    next_check_at = (at + live_check_after(standing.out_no, standing.checks)).isoformat()
    attempt = {"state": state, "next_check_at": next_check_at, "checked": 1}
    columns: dict[str, Any] = {
        "certainty": Certainty.UNKNOWN,
        "next_check_at": next_check_at,
        **_attention(standing, at),
    }
    if state is standing.attempt_state and "needs_attention" not in columns:
        return Verdict(attempt)
    return Verdict(attempt, Move(standing.payment_state, (standing.payment_state,), columns))


def _attention(standing: Standing, at: datetime) -> dict[str, Any]:
    """After the merchant's limit somebody owns it; it is still asked about."""
    since = standing.sent_at or at
    if standing.needs_attention or at - since < timedelta(seconds=standing.attention_after_s):
        return {}
    return {"needs_attention": True, "attention_reason": "channel_unknown", "attention_owner": ATTENTION_OWNER}


def _asked_again(standing: Standing, at: datetime) -> Verdict:
    """Nothing new; a watched attempt is asked again later, until its watch ends."""
    if standing.watch_until is None:
        return Verdict()
    later = at + watch_check_after(standing.out_no, standing.checks)
    over = later >= standing.watch_until
    watch = {"watch_until": None, "next_check_at": None} if over else {"next_check_at": later.isoformat()}
    return Verdict({**watch, "checked": 1})


def _watch(standing: Standing, at: datetime) -> dict[str, Any]:
    """An end without final proof is watched until the channel's expiry + 24 h (law 9)."""
    if standing.close_proof is CloseProof.FINAL:
        return {"next_check_at": None, "checked": 1}
    return watched(standing, at)


def watched(standing: Standing, at: datetime) -> dict[str, Any]:
    """The columns of an attempt that the watch takes over."""
    return {
        "watch_until": (standing.expires_at + WATCH_FOR).isoformat(),
        "next_check_at": (at + watch_check_after(standing.out_no, 0)).isoformat(),
        "checked": 1,
    }


def _expiry_proves(standing: Standing, at: datetime) -> bool:
    """`after_expiry`: a query after the expiry that we sent, plus the margin, proves that nobody can pay any more."""
    passed = at >= standing.expires_at + timedelta(seconds=standing.close_margin_s)
    return passed and standing.close_proof is CloseProof.AFTER_EXPIRY


def _sure(standing: Standing) -> Move | None:
    if standing.payment_state not in OPEN_TO_PAYER:
        return None
    return Move(standing.payment_state, (standing.payment_state,), {"certainty": Certainty.SURE, "next_check_at": None})


def _without_none(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if value is not None}
