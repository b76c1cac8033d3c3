"""What a channel's answer means for a refund: pure functions, no I/O (laws 4, 5)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from activities.judgement import ATTENTION_OWNER
from channels.answers import RefundAnswer, RefundAnswerState
from channels.evidence import Evidence
from domain.backoff import live_check_after
from domain.errors import ChannelRejected
from domain.states import LegState, RefundState

Row = dict[str, Any]

#: A refund that succeeded is asked about so often until it can no longer bounce.
BOUNCE_CHECK_EVERY = timedelta(days=1)


CONTRADICTION = "channel_contradicts"
OTHER_MONEY = "refund_amount_differs"
_GIVEN = frozenset({RefundAnswerState.PROCESSING, RefundAnswerState.SUCCEEDED, RefundAnswerState.BOUNCED})


@dataclass(frozen=True)
class Heard:
    """What one call to the channel told: an answer, or its lack (None); `sent` when the call was a send.

    `asked_at` is when the row was read for the call: its answer answers for every callback that came before it.
    """

    answer: RefundAnswer | None
    evidence: Evidence | None
    sent: bool = False
    asked_at: datetime | None = None


def judge_refund(row: Row, heard: Heard, at: datetime, *, window: timedelta) -> Row:
    """The columns of a refund under way that the answer changes; None stands for an unknown outcome (law 5).

    `window` is how long after its success it can bounce. One that bounced already has succeeded first: both are posted
    together. An answer about other money proves nothing, and a person looks at it.
    """
    answer = _believed(row, heard)
    if answer is None or not same_money(row, answer):
        return _unknown(row, at) | ({} if answer is None else attention(OTHER_MONEY))
    match answer.state:
        case RefundAnswerState.SUCCEEDED | RefundAnswerState.BOUNCED:
            return _succeeded(answer, at, window)
        case RefundAnswerState.FAILED:
            return _failed(answer)
        case RefundAnswerState.PROCESSING:
            processing = {"state": RefundState.PROCESSING, "leg_state": LegState.SENT, "certainty": "waiting"}
            return processing | _asked(row, at) | _named(answer)
        case RefundAnswerState.NEEDS_ACTION:
            # The same number may be sent again once a person has removed the cause; of another send it says nothing.
            leg = LegState.INTENT if heard.sent and row["sends"] == 1 else LegState.UNKNOWN
            again = {"state": RefundState.NEEDS_ACTION, "leg_state": leg, "certainty": "sure"}
            return again | _asked(row, at) | attention("channel_balance")
        case RefundAnswerState.NOT_FOUND:
            return _unknown(row, at)


def contradicts(row: Row, heard: Heard) -> bool:
    """True when the channel has what was refused for good, and that is news: a person must look."""
    refused = row["state"] == RefundState.FAILED or row["leg_state"] == LegState.KNOWN_FAIL
    news = not row["needs_attention"] or row["attention_reason"] != CONTRADICTION
    return refused and news and heard.answer is not None and heard.answer.state in _GIVEN


def judge_watched(row: Row, answer: RefundAnswer | None, at: datetime) -> Row:
    """The columns of a refund that succeeded and did not bounce: asked about daily, until an answer after its window.

    Only that it still stands ends the watch; an answer about other money is for a person.
    """
    odd = answer is not None and not same_money(row, answer)
    flag = attention(OTHER_MONEY) if odd and not row["needs_attention"] else {}
    if row["watch_until"] is None:
        return flag
    stands = answer is not None and not odd and answer.state is RefundAnswerState.SUCCEEDED
    if stands and at >= row["watch_until"]:
        return {"checked": 1, "next_check_at": None, "watch_until": None}
    return {"checked": 1, "next_check_at": (at + BOUNCE_CHECK_EVERY).isoformat(), **flag}


def same_money(row: Row, answer: RefundAnswer) -> bool:
    """What the channel says of the amount is ours, or it says nothing of it."""
    return answer.amount_minor in {None, row["channel_minor"]} and answer.currency in {None, row["currency"]}


def attention(reason: str) -> Row:
    """The columns that ask for a person, by name of the owner."""
    return {"needs_attention": True, "attention_reason": reason, "attention_owner": ATTENTION_OWNER}


def _believed(row: Row, heard: Heard) -> RefundAnswer | None:
    """A refusal of one send says nothing of another that was let through before or meanwhile: then we ask."""
    refused = heard.answer is not None and heard.answer.state is RefundAnswerState.FAILED
    return None if refused and heard.sent and row["sends"] != 1 else heard.answer


def _succeeded(answer: RefundAnswer, at: datetime, window: timedelta) -> Row:
    succeeded_at = answer.succeeded_at or at
    watch: Row = {"watch_until": None, "next_check_at": None}
    if answer.state is RefundAnswerState.BOUNCED:
        watch["bounced_at"] = (answer.bounced_at or at).isoformat()
    elif at < succeeded_at + window:
        next_check_at = min(at + BOUNCE_CHECK_EVERY, succeeded_at + window)
        watch = {"watch_until": (succeeded_at + window).isoformat(), "next_check_at": next_check_at.isoformat()}
    known = {"leg_state": LegState.KNOWN_OK, "certainty": "sure", "needs_attention": False, "checked": 1}
    return known | watch | {"succeeded_at": succeeded_at.isoformat()} | _named(answer)


def _failed(answer: RefundAnswer) -> Row:
    failure = {"failure_code": ChannelRejected.code, "failure_detail": f"The channel refused it: {answer.code}"}
    known = {"leg_state": LegState.KNOWN_FAIL, "certainty": "sure", "needs_attention": False, "checked": 1}
    return known | failure | _named(answer)


def _unknown(row: Row, at: datetime) -> Row:
    since = row["sent_at"] or at
    late = at - since >= timedelta(seconds=row["attention_after_s"])
    flag = attention("channel_unknown") if late and not row["needs_attention"] else {}
    return {"leg_state": LegState.UNKNOWN, "certainty": "unknown", **_asked(row, at), **flag}


def _asked(row: Row, at: datetime) -> Row:
    next_check_at = at + live_check_after(row["out_refund_no"], row["checks"])
    return {"checked": 1, "next_check_at": next_check_at.isoformat()}


def _named(answer: RefundAnswer) -> Row:
    return {} if answer.channel_refund_no is None else {"channel_refund_no": answer.channel_refund_no}
