"""Laws 4, 5 and 8: what an answer that brings no money means. Each rule is a table or a property over all standings."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.judgement import Standing, Verdict, judge
from channels.answers import AnswerState, OrderAnswer, QrAction
from domain.backoff import WATCH_FOR
from domain.states import ATTEMPT_OPEN, AttemptState, Certainty, CloseProof, PaymentState
from tests.activities.judgement_cases import (
    BEFORE_PIVOT,
    ENDED,
    EXPIRED,
    MARGIN_S,
    NOW,
    SILENCE,
    WITHIN_MARGIN,
    answers,
    is_silent,
    moved_to,
    rows_after,
    says,
    standings,
    stands,
)


@pytest.mark.parametrize("silence", SILENCE)
@pytest.mark.parametrize("proof", CloseProof)
@pytest.mark.parametrize(
    ("before", "after"),
    [("sent", "unknown"), ("unknown", "unknown"), ("waiting", "waiting")],
)
def test_silence_proves_nothing(silence: OrderAnswer | None, proof: CloseProof, before: str, after: str) -> None:
    """A timeout or `not found` makes an attempt unknown, never ended; a waiting order stays waiting."""
    verdict = judge(stands(attempt_state=AttemptState(before), close_proof=proof), silence, NOW)
    assert AttemptState(after) == verdict.attempt["state"]
    assert NOW < datetime.fromisoformat(verdict.attempt["next_check_at"])


@given(standings, st.sampled_from(SILENCE))
def test_only_an_expiry_that_proves_ends_a_silent_attempt(standing: Standing, silence: OrderAnswer | None) -> None:
    """Law 5: "not found" proves it where `after_expiry` is the proof, past expiry and margin; silence never does."""
    state = judge(standing, silence, NOW).attempt.get("state")
    passed = standing.expires_at + timedelta(seconds=MARGIN_S) <= NOW
    if silence is None or not (standing.close_proof is CloseProof.AFTER_EXPIRY and passed):
        assert state in {None, AttemptState.UNKNOWN, AttemptState.WAITING}


@pytest.mark.parametrize("silence", SILENCE)
def test_an_intent_that_was_not_sent_is_not_asked_about(silence: OrderAnswer | None) -> None:
    """Nothing left us, so nothing is unknown."""
    assert Verdict() == judge(stands(attempt_state=AttemptState.INTENT), silence, NOW)


@pytest.mark.parametrize("answer", [says(AnswerState.NOT_FOUND), says(AnswerState.WAITING)])
@pytest.mark.parametrize(
    ("proof", "when", "state"),
    [
        (CloseProof.AFTER_EXPIRY, EXPIRED, AttemptState.CLOSED),
        (CloseProof.AFTER_EXPIRY, WITHIN_MARGIN, AttemptState.WAITING),
        (CloseProof.FINAL, EXPIRED, AttemptState.WAITING),
        (CloseProof.NONE, EXPIRED, AttemptState.WAITING),
    ],
)
def test_a_question_after_expiry_and_margin_proves_where_the_channel_says_so(
    answer: OrderAnswer, proof: CloseProof, when: dict[str, datetime], state: AttemptState
) -> None:
    """One second earlier, or at another channel, it proves nothing."""
    assert state == judge(stands(close_proof=proof, **when), answer, NOW).attempt["state"]


@pytest.mark.parametrize(
    ("proof", "when", "state", "watched"),
    [
        (CloseProof.FINAL, {}, AttemptState.CLOSED, False),
        (CloseProof.AFTER_EXPIRY, {}, AttemptState.WAITING, False),
        (CloseProof.AFTER_EXPIRY, EXPIRED, AttemptState.CLOSED, True),
        (CloseProof.NONE, EXPIRED, AttemptState.WAITING, False),
    ],
)
def test_closed_is_proof_where_it_is_final(
    proof: CloseProof, when: dict[str, datetime], state: AttemptState, *, watched: bool
) -> None:
    """Elsewhere the attempt stays open until its expiry proves it; without final proof it is watched (law 9)."""
    standing = stands(close_proof=proof, **when)
    attempt = judge(standing, says(AnswerState.CLOSED), NOW).attempt
    until = (standing.expires_at + WATCH_FOR).isoformat() if watched else None
    assert (state, until) == (attempt["state"], attempt.get("watch_until"))
    assert (state is not AttemptState.CLOSED or watched) == (attempt["next_check_at"] is not None)


@pytest.mark.parametrize("answer", [says(AnswerState.DECLINED, code="no"), says(AnswerState.REJECTED, code="no")])
@pytest.mark.parametrize("payment_state", BEFORE_PIVOT)
def test_a_refusal_of_the_channel_ends_the_attempt_alone(answer: OrderAnswer, payment_state: PaymentState) -> None:
    """Whether the payment ends is the coordinator's decision: the payer may pay another way."""
    standing = stands(payment_state=payment_state, attempt_state=AttemptState.SENT)
    verdict = judge(standing, answer, NOW)
    assert (answer.state.value, "no") == (verdict.attempt["state"], verdict.attempt["failure_code"])
    assert moved_to(verdict) in {None, payment_state}


@pytest.mark.parametrize(
    ("answer", "before", "after", "event"),
    [
        (AnswerState.WAITING, "pending", "awaiting_payer", "awaiting_payer"),
        (AnswerState.PROCESSING, "pending", "processing", None),
        (AnswerState.WAITING, "awaiting_payer", "awaiting_payer", None),
        (AnswerState.WAITING, "processing", "processing", None),
    ],
)
def test_an_accepted_order_waits_for_the_payer(answer: AnswerState, before: str, after: str, event: str | None) -> None:
    """The payment moves on once, with one event; what the payer needs is kept."""
    pay = QrAction(qr_text="sim://pay", expires_at=NOW)
    standing = stands(payment_state=PaymentState(before), attempt_state=AttemptState.SENT)
    verdict = judge(standing, says(answer, pay=pay), NOW)
    assert verdict.move is not None
    assert (after, event, Certainty.WAITING) == (
        verdict.move.to,
        verdict.move.event,
        verdict.move.columns["certainty"],
    )
    assert ("waiting", "sim://pay") == (verdict.attempt["state"], verdict.attempt["pay"]["qr_text"])


@pytest.mark.parametrize("answer", [says(AnswerState.WAITING), says(AnswerState.PROCESSING)])
def test_waiting_never_reopens_a_payment_that_is_closing(answer: OrderAnswer) -> None:
    """The close goes on: only paid stops it."""
    closing = stands(payment_state=PaymentState.CLOSING, attempt_state=AttemptState.UNKNOWN)
    assert PaymentState.CLOSING == rows_after(closing, judge(closing, answer, NOW)).payment_state


@pytest.mark.parametrize(
    ("minutes", "flagged_before", "flagged"),
    [(9, False, False), (10, False, True), (600, False, True), (600, True, False)],
)
def test_a_long_unknown_gets_an_owner_once_and_is_still_asked(
    minutes: int, *, flagged_before: bool, flagged: bool
) -> None:
    """Law 5: after the merchant's limit somebody owns it; the questions never end."""
    standing = stands(
        attempt_state=AttemptState.UNKNOWN, sent_at=NOW - timedelta(minutes=minutes), needs_attention=flagged_before
    )
    verdict = judge(standing, None, NOW)
    columns = verdict.move.columns if verdict.move else {}
    assert flagged == ("needs_attention" in columns)
    assert not flagged or columns["attention_owner"]
    assert "next_check_at" in verdict.attempt


@given(standings.filter(lambda one: one.attempt_state in ENDED), answers)
def test_an_ended_attempt_only_ever_receives_money(standing: Standing, answer: OrderAnswer | None) -> None:
    """Nothing reopens it, nothing moves the payment, except by what money itself does."""
    verdict = judge(standing, answer, NOW)
    if answer is None or answer.state is not AnswerState.PAID:
        assert (None, None) == (verdict.attempt.get("state"), verdict.move)


@given(standings.filter(lambda one: one.attempt_state in ENDED and one.watch_until), answers)
def test_a_watched_attempt_is_asked_again_until_its_watch_ends(standing: Standing, answer: OrderAnswer | None) -> None:
    """The next question lies before the end of the watch, or the watch is over and nothing is due."""
    attempt = judge(standing, answer, NOW).attempt
    assert standing.watch_until is not None
    if attempt["next_check_at"] is None:
        assert attempt["watch_until"] is None
    else:
        assert NOW < datetime.fromisoformat(attempt["next_check_at"]) < standing.watch_until


@given(standings, answers)
def test_the_same_answer_again_changes_nothing(standing: Standing, answer: OrderAnswer | None) -> None:
    """Law 2: a repeat asks again later; it moves no state, writes no event and posts no money."""
    once = rows_after(standing, judge(standing, answer, NOW))
    again = judge(once, answer, NOW)
    assert once.attempt_state == again.attempt.get("state", once.attempt_state)
    assert again.unapplied is None
    assert is_silent(again.move, once)


@given(standings, answers)
def test_what_has_ended_is_never_moved(standing: Standing, answer: OrderAnswer | None) -> None:
    """Closed, failed and succeeded have no way out, whatever a channel says."""
    after = rows_after(standing, judge(standing, answer, NOW))
    if standing.payment_state.terminal or standing.payment_state is PaymentState.CONFIRMING:
        assert standing.payment_state == after.payment_state


@given(standings.filter(lambda one: one.attempt_state in ATTEMPT_OPEN), answers)
def test_an_open_attempt_is_always_asked_again(standing: Standing, answer: OrderAnswer | None) -> None:
    """Losing every callback must not lose a payment: what stays open after an answer has a next question."""
    verdict = judge(standing, answer, NOW)
    after = rows_after(standing, verdict)
    if after.attempt_state.open and after.attempt_state is not AttemptState.INTENT:
        assert NOW < datetime.fromisoformat(verdict.attempt["next_check_at"])
