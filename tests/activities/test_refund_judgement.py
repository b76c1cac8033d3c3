"""What a channel's answer means for a refund: nothing unknown fails, and only its own word ends it (laws 4, 5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.refund_judgement import (
    BOUNCE_CHECK_EVERY,
    CONTRADICTION,
    Heard,
    contradicts,
    judge_refund,
    judge_watched,
)
from channels.answers import RefundAnswer, RefundAnswerState
from channels.evidence import Evidence

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIDENCE = Evidence(op="refund_query", received_at=NOW)
WINDOW = timedelta(days=7)


def _row(**columns: Any) -> dict[str, Any]:  # noqa: ANN401
    row = {"channel_minor": 1_000, "out_refund_no": "R1", "checks": 0, "sent_at": NOW, "attention_after_s": 900}
    row |= {"sends": 1, "currency": "CNY", "state": "processing", "leg_state": "sent"}
    return {**row, "needs_attention": False, "attention_reason": None, "watch_until": None, **columns}


def _heard(state: RefundAnswerState | None, *, sent: bool = True, **about: Any) -> Heard:  # noqa: ANN401
    answer = None if state is None else RefundAnswer(state=state, evidence=EVIDENCE, **about)
    return Heard(answer, EVIDENCE, sent=sent)


def _judged(state: RefundAnswerState | None, row: dict[str, Any] | None = None, **about: Any) -> dict[str, Any]:  # noqa: ANN401
    return judge_refund(row or _row(), _heard(state, **about), NOW, window=WINDOW)


@pytest.mark.parametrize("state", [None, RefundAnswerState.NOT_FOUND])
def test_silence_and_not_found_prove_nothing(state: RefundAnswerState | None) -> None:
    """Unknown, and asked again; a person is told once it lasts."""
    assert ("unknown", "unknown") == tuple(_judged(state)[name] for name in ("leg_state", "certainty"))
    assert "needs_attention" not in _judged(state)
    late = _judged(state, _row(sent_at=NOW - timedelta(seconds=900)))
    assert (True, "channel_unknown", "operations") == tuple(
        late[name] for name in ("needs_attention", "attention_reason", "attention_owner")
    )


@pytest.mark.parametrize("other", [{"amount_minor": 999}, {"amount_minor": 1_000, "currency": "USD"}])
def test_an_answer_about_other_money_proves_nothing(other: dict[str, Any]) -> None:
    """A person looks at it, whatever the channel calls it."""
    judged = _judged(RefundAnswerState.SUCCEEDED, **other)
    assert ("unknown", "refund_amount_differs") == (judged["leg_state"], judged["attention_reason"])


def test_success_is_watched_until_it_can_no_longer_bounce() -> None:
    """A day at a time; a window that has passed is not watched."""
    judged = _judged(RefundAnswerState.SUCCEEDED, amount_minor=1_000, succeeded_at=NOW)
    assert ("known_ok", (NOW + WINDOW).isoformat(), (NOW + BOUNCE_CHECK_EVERY).isoformat()) == (
        judged["leg_state"],
        judged["watch_until"],
        judged["next_check_at"],
    )
    old = _judged(RefundAnswerState.SUCCEEDED, succeeded_at=NOW - WINDOW)
    assert (None, None) == (old["watch_until"], old["next_check_at"])


def test_a_refund_that_bounced_before_we_knew_has_succeeded_first() -> None:
    """Both are proven at once: there is nothing left to ask."""
    judged = _judged(RefundAnswerState.BOUNCED, succeeded_at=NOW - WINDOW, bounced_at=NOW)
    assert ("known_ok", NOW.isoformat()) == (judged["leg_state"], judged["bounced_at"])
    assert (None, None) == (judged["watch_until"], judged["next_check_at"])


def test_a_refusal_is_the_channels_word() -> None:
    """Our stable code, its own in the detail."""
    judged = _judged(RefundAnswerState.FAILED, code="REFUND_EXCEEDS")
    assert ("known_fail", "channel_rejected", "The channel refused it: REFUND_EXCEEDS") == tuple(
        judged[name] for name in ("leg_state", "failure_code", "failure_detail")
    )


def test_a_refusal_of_one_of_several_sends_proves_nothing() -> None:
    """Another was let through before it or meanwhile; what the channel says when asked is about all of them."""
    twice = _row(sends=2)
    assert "unknown" == _judged(RefundAnswerState.FAILED, twice)["leg_state"]
    assert "known_fail" == _judged(RefundAnswerState.FAILED, twice, sent=False)["leg_state"]


@pytest.mark.parametrize("refused", [{"leg_state": "known_fail"}, {"state": "failed", "leg_state": "intent"}])
def test_what_was_refused_for_good_and_is_there_after_all_contradicts(refused: dict[str, str]) -> None:
    """Once; that it is not there, or nothing, contradicts nobody."""
    row = _row(**refused)
    there = (RefundAnswerState.PROCESSING, RefundAnswerState.SUCCEEDED, RefundAnswerState.BOUNCED)
    assert list(there) == [state for state in RefundAnswerState if contradicts(row, _heard(state))]
    assert not contradicts(row, _heard(None))
    assert not contradicts(_row(), _heard(RefundAnswerState.SUCCEEDED))
    flagged = {**row, "needs_attention": True, "attention_reason": CONTRADICTION}
    assert not contradicts(flagged, _heard(RefundAnswerState.SUCCEEDED))


def test_what_a_person_can_remove_leaves_the_intent() -> None:
    """The same number goes out again later; somebody owns it."""
    judged = _judged(RefundAnswerState.NEEDS_ACTION, code="APP_BALANCE_NOT_ENOUGH")
    assert ("needs_action", "intent", True) == tuple(judged[name] for name in ("state", "leg_state", "needs_attention"))


@pytest.mark.parametrize(("sends", "sent"), [(2, True), (2, False), (1, False)])
def test_what_a_person_can_remove_says_nothing_of_another_send(*, sends: int, sent: bool) -> None:
    """An earlier send may have arrived: it stays unknown, and goes out again only where that is safe."""
    judged = _judged(RefundAnswerState.NEEDS_ACTION, _row(sends=sends, leg_state="unknown"), sent=sent)
    assert ("needs_action", "unknown") == (judged["state"], judged["leg_state"])


def test_a_refund_under_way_is_only_asked_about() -> None:
    """The channel has it: it is not sent again."""
    judged = _judged(RefundAnswerState.PROCESSING, _row(leg_state="unknown"))
    assert ("processing", "sent", "waiting") == tuple(judged[name] for name in ("state", "leg_state", "certainty"))


def test_the_watch_ends_with_an_answer_after_the_window() -> None:
    """Tomorrow again, or never."""
    stands = _heard(RefundAnswerState.SUCCEEDED).answer
    tomorrow = (NOW + BOUNCE_CHECK_EVERY).isoformat()
    assert tomorrow == judge_watched(_row(watch_until=NOW + WINDOW), stands, NOW)["next_check_at"]
    ended = judge_watched(_row(watch_until=NOW), stands, NOW)
    assert (None, None) == (ended["next_check_at"], ended["watch_until"])


@pytest.mark.parametrize("state", [None, RefundAnswerState.NOT_FOUND, RefundAnswerState.PROCESSING])
def test_the_watch_does_not_end_without_an_answer(state: RefundAnswerState | None) -> None:
    """What nobody says to stand is asked about again, however long ago its window ended."""
    asked = judge_watched(_row(watch_until=NOW - WINDOW), _heard(state).answer, NOW)
    assert {"checked": 1, "next_check_at": (NOW + BOUNCE_CHECK_EVERY).isoformat()} == asked


@pytest.mark.parametrize("other", [{"amount_minor": 999}, {"amount_minor": 1_000, "currency": "USD"}])
def test_a_watched_refund_of_other_money_is_for_a_person(other: dict[str, Any]) -> None:
    """Flagged once, and still asked about."""
    answer = _heard(RefundAnswerState.BOUNCED, **other).answer
    row = _row(watch_until=NOW)
    judged = judge_watched(row, answer, NOW)
    assert (True, "refund_amount_differs", "operations") == tuple(
        judged[name] for name in ("needs_attention", "attention_reason", "attention_owner")
    )
    assert "watch_until" not in judged
    assert "needs_attention" not in judge_watched({**row, **judged}, answer, NOW)
