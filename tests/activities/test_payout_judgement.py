"""What a channel's answer means for a payout: proof ends it, anything else is asked again (laws 4, 5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.payout_judgement import (
    Heard,
    came_back,
    contradicts,
    judge_refused,
    judge_sending,
    judge_watched,
    require_refused,
)
from channels.answers import TransferAnswer, TransferAnswerState
from channels.evidence import Evidence
from domain.money import Currency

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIDENCE = Evidence(op="transfer_query", received_at=NOW)


def row(**fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """A payout that was just sent: 50.00 with a fee of 1.00."""
    sent: dict[str, Any] = {
        "id": "pyo_1",
        "out_no": "01K9ZR5M3N8Q2W4E6R8T0Y1AB2",
        "amount_minor": 5_000,
        "fee_minor": 100,
        "currency": "CNY",
        "state": "processing",
        "leg_state": "sent",
        "sends": 1,
        "approval": None,
        "checks": 0,
        "sent_at": NOW,
        "attention_after_s": 900,
        "needs_attention": False,
        "attention_reason": None,
        "watch_until": None,
    }
    return sent | fields


def says(state: str, **fields: Any) -> TransferAnswer:  # noqa: ANN401
    """The channel's answer."""
    return TransferAnswer(state=TransferAnswerState(state), evidence=EVIDENCE, **fields)


def heard(answer: TransferAnswer | None, *, sent: bool = False) -> Heard:
    """What one call told."""
    return Heard(answer, EVIDENCE, sent=sent)


@pytest.mark.parametrize("silence", [None, says("not_found")])
def test_silence_proves_nothing(silence: TransferAnswer | None) -> None:
    """Unknown, and asked again later."""
    columns = judge_sending(row(), heard(silence), NOW, first_query_after_s=0)
    assert ("unknown", "unknown") == (columns["leg_state"], columns["certainty"])
    assert NOW < datetime.fromisoformat(columns["next_check_at"])
    assert "needs_attention" not in columns


def test_a_long_silence_is_flagged_once_and_still_asked_about() -> None:
    """After the merchant's limit a person owns it."""
    late = NOW + timedelta(seconds=900)
    assert "channel_unknown" == judge_sending(row(), heard(None), late, first_query_after_s=0)["attention_reason"]
    again = judge_sending(row(needs_attention=True), heard(None), late, first_query_after_s=0)
    assert "attention_reason" not in again
    assert late < datetime.fromisoformat(again["next_check_at"])


def test_the_channel_is_not_asked_sooner_than_it_can_know() -> None:
    """Its first answer comes after a time of its own."""
    columns = judge_sending(row(), heard(says("processing")), NOW, first_query_after_s=120)
    assert NOW + timedelta(seconds=120) == datetime.fromisoformat(columns["next_check_at"])


def test_another_amount_is_no_proof() -> None:
    """The payee gets amount − fee; a channel that speaks of anything else speaks of something else."""
    wrong = says("succeeded", amount_minor=5_000, currency=Currency.CNY)
    columns = judge_sending(row(), heard(wrong), NOW, first_query_after_s=0)
    assert ("unknown", "channel_amount") == (columns["leg_state"], columns["attention_reason"])
    right = says("succeeded", amount_minor=4_900, currency=Currency.CNY)
    assert "known_ok" == judge_sending(row(), heard(right), NOW, first_query_after_s=0)["leg_state"]


def test_too_little_there_says_nothing_of_an_earlier_send() -> None:
    """A send that is alone was not executed; one beside another tells only of itself, so that the leg stays unknown."""
    short = says("needs_action")
    first = judge_sending(row(), heard(short, sent=True), NOW, first_query_after_s=0)
    again = judge_sending(row(sends=2), heard(short, sent=True), NOW, first_query_after_s=0)
    assert ("intent", "unknown") == (first["leg_state"], again["leg_state"])
    assert {"needs_action"} == {first["state"], again["state"]}


def test_what_was_returned_had_succeeded_before() -> None:
    """The payout is posted first; its return is found by the watch."""
    assert "known_ok" == judge_sending(row(), heard(says("returned")), NOW, first_query_after_s=0)["leg_state"]
    assert not came_back(row(), says("returned"))
    assert came_back(row(state="succeeded", leg_state="known_ok"), says("returned"))


def test_a_succeeded_payout_is_asked_about_until_the_window_ends() -> None:
    """The last question comes when the window ends; silence then is no answer."""
    until = NOW + timedelta(seconds=10)
    watched = row(state="succeeded", leg_state="known_ok", watch_until=until)
    before = judge_watched(watched, says("succeeded"), NOW)
    assert until == datetime.fromisoformat(before["next_check_at"])
    assert until < datetime.fromisoformat(judge_watched(watched, None, until)["next_check_at"])
    assert None is judge_watched(watched, says("succeeded"), until)["watch_until"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says("returned", amount_minor=4_000, currency=Currency.CNY), "channel_amount"),
        (says("returned", amount_minor=4_900, currency=Currency.USD), "channel_amount"),
        (says("succeeded", amount_minor=5_000, currency=Currency.CNY), "channel_amount"),
        (says("failed"), "channel_contradicts"),
    ],
)
def test_what_a_channel_says_against_a_paid_payout_is_a_persons_matter(answer: TransferAnswer, reason: str) -> None:
    """Nothing is posted by it; it is flagged once, and asked about beyond the window."""
    until = NOW + timedelta(days=1)
    paid = row(state="succeeded", leg_state="known_ok", watch_until=until)
    assert not came_back(paid, answer)
    flagged = judge_watched(paid, answer, until)
    assert (True, reason, "operations") == (
        flagged["needs_attention"],
        flagged["attention_reason"],
        flagged["attention_owner"],
    )
    assert until < datetime.fromisoformat(flagged["next_check_at"])
    known = paid | {"needs_attention": True, "attention_reason": reason}
    assert "needs_attention" not in judge_watched(known, answer, NOW)


def test_a_channel_that_paid_what_it_had_refused_is_a_persons_matter() -> None:
    """Nothing is posted by it; it is flagged, once."""
    failed = row(state="failed", leg_state="known_fail")
    assert contradicts(failed, says("succeeded"))
    known = {"needs_attention": True, "attention_reason": "channel_contradicts"}
    assert not contradicts({**failed, **known}, says("succeeded"))
    assert not contradicts(failed, says("failed"))
    flagged = {"needs_attention": True, "attention_reason": "channel_unknown"}
    assert contradicts({**failed, **flagged}, says("returned"))
    assert contradicts(row(state="rejected", leg_state="intent"), says("succeeded"))


def test_what_was_flagged_as_contradicting_stays_so_when_it_ends() -> None:
    """Any other flag was about the silence before the refusal."""
    refused = row(leg_state="known_fail", needs_attention=True)
    doubted = judge_refused(refused | {"attention_reason": "channel_contradicts"})
    assert "needs_attention" not in doubted
    assert False is judge_refused(refused | {"attention_reason": "channel_unknown"})["needs_attention"]


@pytest.mark.parametrize(
    ("refusal", "heard_by"),
    [
        ("known_fail", {"sent": True, "sends": 1}),
        ("unknown", {"sent": True, "sends": 2}),
        ("known_fail", {"sends": 2, "asked_at": NOW}),
    ],
)
def test_a_refusal_is_proof_of_the_only_send_or_of_a_question(refusal: str, heard_by: dict[str, Any]) -> None:
    """One send of several says nothing of the others."""
    sends = heard_by.pop("sends")
    columns = judge_sending(row(sends=sends), Heard(says("failed"), EVIDENCE, **heard_by), NOW, first_query_after_s=0)
    assert refusal == columns["leg_state"]


@pytest.mark.parametrize(
    "fields",
    [
        {"leg_state": "sent"},
        {"leg_state": "unknown"},
        {"leg_state": "known_ok"},
        {"leg_state": "intent", "approval": "awaited"},
        {"leg_state": "sent", "approval": "rejected"},
    ],
)
def test_what_nobody_has_refused_does_not_fail(fields: dict[str, Any]) -> None:
    """It may have been paid: whoever thinks otherwise is wrong."""
    with pytest.raises(RuntimeError, match="not refused"):
        require_refused(row(**fields))


@pytest.mark.parametrize("fields", [{"leg_state": "known_fail"}, {"leg_state": "intent", "approval": "rejected"}])
def test_what_the_channel_or_a_person_refused_fails(fields: dict[str, Any]) -> None:
    """The leg is proven, or was never sent."""
    require_refused(row(**fields))
