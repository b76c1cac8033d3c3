"""Law 9: what an answer that says paid means; money wins the payment or is posted apart, and is counted once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.judgement import Standing, Unapplied, judge
from channels.answers import AnswerState, OrderAnswer
from domain.states import ATTEMPT_RECEIVED, AttemptState, PaymentState
from tests.activities.judgement_cases import BEFORE_PIVOT, ENDED, NOW, OPEN, answers, moved_to, says, standings, stands


@pytest.mark.parametrize("payment_state", BEFORE_PIVOT)
@pytest.mark.parametrize("attempt_state", OPEN)
def test_money_in_time_wins_the_payment(payment_state: PaymentState, attempt_state: AttemptState) -> None:
    """From any state before the pivot, closing too, an open attempt that is paid makes the payment confirming."""
    standing = stands(payment_state=payment_state, attempt_state=attempt_state)
    verdict = judge(standing, says(AnswerState.PAID, channel_no="c-1"), NOW)
    assert (AttemptState.PAID, PaymentState.CONFIRMING, None) == (
        verdict.attempt["state"],
        moved_to(verdict),
        verdict.unapplied,
    )
    assert (4_000, "CNY", "c-1") == tuple(
        verdict.attempt[name] for name in ("received_minor", "received_currency", "channel_no")
    )


@pytest.mark.parametrize("payment_state", [PaymentState.CLOSED, PaymentState.FAILED])
@pytest.mark.parametrize("attempt_state", [*OPEN, *ENDED])
def test_money_after_the_end_is_late(payment_state: PaymentState, attempt_state: AttemptState) -> None:
    """Closed stays closed, failed stays failed; the money is posted apart and given back."""
    standing = stands(payment_state=payment_state, attempt_state=attempt_state)
    verdict = judge(standing, says(AnswerState.PAID), NOW)
    assert (AttemptState.PAID_LATE, None, Unapplied.LATE) == (verdict.attempt["state"], verdict.move, verdict.unapplied)


@pytest.mark.parametrize("attempt_state", ENDED)
def test_money_of_an_attempt_that_had_ended_is_late(attempt_state: AttemptState) -> None:
    """Another attempt may be live by then: this one never wins the payment any more."""
    verdict = judge(stands(attempt_state=attempt_state), says(AnswerState.PAID), NOW)
    assert (AttemptState.PAID_LATE, None, Unapplied.LATE) == (verdict.attempt["state"], verdict.move, verdict.unapplied)


def test_money_for_a_refused_payment_is_late() -> None:
    """The decision to undo is kept before anything is undone, and is never flipped."""
    standing = stands(payment_state=PaymentState.PENDING, attempt_state=AttemptState.SENT, refused=True)
    verdict = judge(standing, says(AnswerState.PAID), NOW)
    assert (None, Unapplied.LATE) == (verdict.move, verdict.unapplied)


@pytest.mark.parametrize("payment_state", [PaymentState.CONFIRMING, PaymentState.SUCCEEDED])
@pytest.mark.parametrize("attempt_state", [*OPEN, *ENDED])
def test_money_after_the_pivot_is_the_second_of_two(payment_state: PaymentState, attempt_state: AttemptState) -> None:
    """Twice is the one applied second."""
    standing = stands(payment_state=payment_state, attempt_state=attempt_state)
    verdict = judge(standing, says(AnswerState.PAID), NOW)
    assert (AttemptState.PAID_TWICE, None, Unapplied.DUPLICATE) == (
        verdict.attempt["state"],
        verdict.move,
        verdict.unapplied,
    )


@pytest.mark.parametrize("wrong", [{"paid_amount_minor": 3_999}, {"paid_amount_minor": 4_001}, {"currency": "USD"}])
@pytest.mark.parametrize("payment_state", PaymentState)
def test_a_wrong_amount_or_currency_never_pays(wrong: dict[str, Any], payment_state: PaymentState) -> None:
    """One minor unit off is a mismatch; an open payment turns to closing, any other stays what it is."""
    verdict = judge(stands(payment_state=payment_state), says(AnswerState.PAID, **wrong), NOW)
    assert (AttemptState.PAID_MISMATCH, Unapplied.MISMATCH) == (verdict.attempt["state"], verdict.unapplied)
    open_states = {"pending", "in_review", "awaiting_payer", "processing"}
    assert (PaymentState.CLOSING if payment_state in open_states else None) == moved_to(verdict)


@given(standings.filter(lambda one: one.attempt_state in ATTEMPT_RECEIVED), answers)
def test_money_is_counted_once(standing: Standing, answer: OrderAnswer | None) -> None:
    """Whatever is said of an attempt that received money, nothing moves and nothing is posted again."""
    verdict = judge(standing, answer, NOW)
    assert (None, None, None) == (verdict.attempt.get("state"), verdict.move, verdict.unapplied)


@given(
    standings.filter(lambda one: one.attempt_state not in ATTEMPT_RECEIVED),
    st.sampled_from([0, 3_999, 4_000, 4_001]),
    st.booleans(),
)
def test_paid_money_is_never_dropped(standing: Standing, paid_minor: int, same_currency: bool) -> None:  # noqa: FBT001
    """Laws 5 and 9: it wins the payment, or it is posted apart; there is no third."""
    currency = "CNY" if same_currency else "USD"
    verdict = judge(standing, says(AnswerState.PAID, paid_amount_minor=paid_minor, currency=currency), NOW)
    wins = moved_to(verdict) is PaymentState.CONFIRMING
    assert wins != (verdict.unapplied is not None)
    assert not wins or ((paid_minor, currency) == (4_000, "CNY") and standing.payment_state.before_pivot)
