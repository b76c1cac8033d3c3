"""Standings and answers of every kind, and what the rows are once a verdict is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from activities.judgement import Move, Standing, Verdict
from channels.answers import AnswerState, OrderAnswer
from channels.evidence import Evidence
from domain.states import ATTEMPT_OPEN, ATTEMPT_RECEIVED, AttemptState, CloseProof, PaymentState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARGIN_S = 60
OPEN = sorted(ATTEMPT_OPEN - {AttemptState.INTENT})
ENDED = sorted(set(AttemptState) - ATTEMPT_OPEN - ATTEMPT_RECEIVED)
BEFORE_PIVOT = [state for state in PaymentState if state.before_pivot]

STANDING = Standing(
    payment_id="pay_1",
    merchant_id="mer_1",
    payment_state=PaymentState.AWAITING_PAYER,
    refused=False,
    needs_attention=False,
    attention_after_s=600,
    out_no="01JQ2M8Z9V",
    channel="sim",
    channel_account_id="cha_1",
    attempt_state=AttemptState.WAITING,
    amount_minor=4_000,
    currency="CNY",
    close_proof=CloseProof.FINAL,
    close_margin_s=MARGIN_S,
    expires_at=NOW + timedelta(minutes=15),
    sent_at=NOW - timedelta(minutes=1),
    checks=1,
    watch_until=None,
    read_at=NOW,
)
EXPIRED = {"expires_at": NOW - timedelta(seconds=MARGIN_S)}
WITHIN_MARGIN = {"expires_at": NOW - timedelta(seconds=MARGIN_S - 1)}

standings = st.builds(
    replace,
    st.just(STANDING),
    payment_state=st.sampled_from(PaymentState),
    attempt_state=st.sampled_from(AttemptState),
    close_proof=st.sampled_from(CloseProof),
    refused=st.booleans(),
    needs_attention=st.booleans(),
    attention_after_s=st.sampled_from([0, 60, 600]),
    expires_at=st.sampled_from(
        [NOW + timedelta(minutes=15), NOW, NOW - timedelta(seconds=61), NOW - timedelta(hours=9)]
    ),
    watch_until=st.sampled_from([None, NOW + timedelta(hours=20), NOW + timedelta(seconds=1)]),
    checks=st.integers(0, 20),
)


def says(state: AnswerState, **fields: Any) -> OrderAnswer:  # noqa: ANN401
    """The channel's answer to a question about the order; paid means 40.00 CNY unless said otherwise."""
    money = {"paid_amount_minor": 4_000, "currency": "CNY"} if state is AnswerState.PAID else {}
    evidence = Evidence(op="query", received_at=NOW)
    return OrderAnswer.model_validate({"state": state, "evidence": evidence, **money, **fields})


def stands(**fields: Any) -> Standing:  # noqa: ANN401
    """A payment of 40.00 CNY whose payer has not paid yet, but for these fields."""
    return replace(STANDING, **fields)


def moved_to(verdict: Verdict) -> PaymentState | None:
    """Where the verdict moves the payment, if anywhere."""
    return None if verdict.move is None else verdict.move.to


def rows_after(standing: Standing, verdict: Verdict) -> Standing:
    """The rows once the verdict is kept, as `answer_record` and `payment_move` write it."""
    move = verdict.move if verdict.move and standing.payment_state in verdict.move.origins else None
    until = verdict.attempt.get("watch_until", standing.watch_until)
    return replace(
        standing,
        attempt_state=verdict.attempt.get("state", standing.attempt_state),
        checks=standing.checks + verdict.attempt.get("checked", 0),
        watch_until=datetime.fromisoformat(until) if isinstance(until, str) else until,
        payment_state=move.to if move else standing.payment_state,
        needs_attention=move.columns.get("needs_attention", standing.needs_attention)
        if move
        else standing.needs_attention,
    )


answers = st.sampled_from([None, *(says(state) for state in AnswerState), says(AnswerState.PAID, paid_amount_minor=1)])
SILENCE = [None, says(AnswerState.NOT_FOUND)]


def is_silent(move: Move | None, standing: Standing) -> bool:
    """True when the move changes no state and tells nobody."""
    return move is None or (move.event is None and (move.to == standing.payment_state or move.to not in move.origins))
