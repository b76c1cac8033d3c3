"""What a channel's answer means for a payout: pure functions, no I/O (laws 4, 5, 8)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from activities.judgement import ATTENTION_OWNER
from channels.answers import TransferAnswer, TransferAnswerState
from channels.evidence import Evidence
from domain.backoff import live_check_after, watch_check_after
from domain.errors import ChannelRejected
from domain.states import Approval, LegState, PayoutState

Row = dict[str, Any]

CONTRADICTS = "channel_contradicts"
OTHER_AMOUNT = "channel_amount"
_UNPAID = frozenset({PayoutState.FAILED, PayoutState.REJECTED, PayoutState.EXPIRED})
_ENDS: dict[str | None, PayoutState] = {
    Approval.REJECTED: PayoutState.REJECTED,
    Approval.EXPIRED: PayoutState.EXPIRED,
}


@dataclass(frozen=True)
class Heard:
    """What one call to the channel told: an answer, or its lack (None); `sent` when the call was a send.

    `asked_at` is when the row was read for the call: its answer answers for every callback that came before it.
    """

    answer: TransferAnswer | None
    evidence: Evidence | None
    sent: bool = False
    asked_at: datetime | None = None


def trusted(row: Row, heard: Heard) -> TransferAnswer | None:
    """The answer, or None for a refusal of one send of several: it says nothing of the others, and then we ask."""
    answer = heard.answer
    if answer is None or answer.state is not TransferAnswerState.FAILED:
        return answer
    return answer if not heard.sent or row["sends"] == 1 else None


def judge_sending(row: Row, heard: Heard, at: datetime, *, first_query_after_s: int) -> Row:
    """The columns of a payout under way that the answer changes; None stands for an unknown outcome (law 5).

    What was returned already had succeeded before: the watch, which takes over, finds the return.
    """
    answer = trusted(row, heard)
    pause = max(live_check_after(row["out_no"], row["checks"]), timedelta(seconds=first_query_after_s))
    asked = {"checked": 1, "next_check_at": (at + pause).isoformat()}
    match None if answer is None or not _same_money(row, answer) else answer.state:
        case TransferAnswerState.SUCCEEDED | TransferAnswerState.RETURNED if answer is not None:
            happened_at = (answer.succeeded_at or at).isoformat()
            known = {"leg_state": LegState.KNOWN_OK, "certainty": "sure", "succeeded_at": happened_at}
            return known | _ended() | _named(answer)
        case TransferAnswerState.FAILED if answer is not None:
            known = {"leg_state": LegState.KNOWN_FAIL, "certainty": "sure", "failure_code": ChannelRejected.code}
            return known | _ended() | _named(answer) | _why(answer)
        case TransferAnswerState.PROCESSING if answer is not None:
            return {"state": PayoutState.PROCESSING, "certainty": "waiting", **asked, **_named(answer)}
        case TransferAnswerState.NEEDS_ACTION:
            # The same number may be sent again once a person has removed the cause; of an earlier send it says nothing.
            leg = LegState.INTENT if heard.sent and row["sends"] == 1 else LegState.UNKNOWN
            again = {"state": PayoutState.NEEDS_ACTION, "leg_state": leg, "certainty": "sure"}
            return again | asked | attention("channel_balance")
        case _:
            unknown = {"leg_state": LegState.UNKNOWN, "certainty": "unknown", **asked}
            return unknown | _late_attention(row, answer, at)


def judge_watched(row: Row, answer: TransferAnswer | None, at: datetime) -> Row:
    """The columns of a succeeded payout that did not come back: asked again later, until the channel's window ends.

    What the channel says against our book is flagged, and posts nothing.
    """
    doubt = _doubt(row, answer)
    answered = doubt is None and answer is not None and answer.state is TransferAnswerState.SUCCEEDED
    flag = {} if doubt is None or _has_flag(row, doubt) else attention(doubt)
    if row["watch_until"] is None or (answered and at >= row["watch_until"]):
        return {"watch_until": None, "next_check_at": None, "checked": 1, **flag}
    later = at + watch_check_after(row["out_no"], row["checks"])
    due = min(later, row["watch_until"]) if at < row["watch_until"] else later
    return {"next_check_at": due.isoformat(), "checked": 1, **flag}


def came_back(row: Row, answer: TransferAnswer | None) -> bool:
    """True when a succeeded payout has been returned, and that is news."""
    returned = answer is not None and answer.state is TransferAnswerState.RETURNED and _same_money(row, answer)
    return returned and row["state"] == PayoutState.SUCCEEDED


def contradicts(row: Row, answer: TransferAnswer | None) -> bool:
    """True when the channel says that it paid what it had refused for good, or that a person stopped."""
    paid = answer is not None and answer.state in {TransferAnswerState.SUCCEEDED, TransferAnswerState.RETURNED}
    unpaid = row["leg_state"] == LegState.KNOWN_FAIL or row["state"] in _UNPAID
    return paid and unpaid and not _has_flag(row, CONTRADICTS)


def require_refused(row: Row) -> None:
    """Nothing when the channel or a person has refused the payout; RuntimeError otherwise, because it may be paid."""
    by_hand = row["approval"] in {Approval.REJECTED, Approval.EXPIRED} and row["leg_state"] == LegState.INTENT
    if row["leg_state"] != LegState.KNOWN_FAIL and not by_hand:
        raise RuntimeError(f"payout {row['id']} is not refused: its leg is {row['leg_state']}")


def judge_refused(row: Row) -> Row:
    """The columns of a payout that ends without effect; what the channel says against that stays a person's matter."""
    ended = {"state": _ENDS.get(row["approval"], PayoutState.FAILED), "certainty": "sure", "next_check_at": None}
    return ended | ({} if _has_flag(row, CONTRADICTS) else {"needs_attention": False})


def attention(reason: str) -> Row:
    """The columns that ask for a person, and name who."""
    return {"needs_attention": True, "attention_reason": reason, "attention_owner": ATTENTION_OWNER}


def _doubt(row: Row, answer: TransferAnswer | None) -> str | None:
    """Why a person must look at what the channel says of a payout that it has paid; None when nothing is wrong."""
    match None if answer is None else answer.state:
        case TransferAnswerState.FAILED:
            return CONTRADICTS
        case TransferAnswerState.SUCCEEDED | TransferAnswerState.RETURNED if answer is not None:
            return None if _same_money(row, answer) else OTHER_AMOUNT
        case _:
            return None


def _has_flag(row: Row, reason: str) -> bool:
    return bool(row["needs_attention"]) and row["attention_reason"] == reason


def _same_money(row: Row, answer: TransferAnswer) -> bool:
    """What the channel says of the amount is ours, or it says nothing of it."""
    net_minor = row["amount_minor"] - row["fee_minor"]
    return answer.amount_minor in {None, net_minor} and answer.currency in {None, row["currency"]}


def _late_attention(row: Row, answer: TransferAnswer | None, at: datetime) -> Row:
    if row["needs_attention"]:
        return {}
    if answer is not None and not _same_money(row, answer):
        return attention(OTHER_AMOUNT)
    since = row["sent_at"] or at
    return attention("channel_unknown") if at - since >= timedelta(seconds=row["attention_after_s"]) else {}


def _ended() -> Row:
    return {"checked": 1, "next_check_at": None}


def _named(answer: TransferAnswer) -> Row:
    return {} if answer.channel_transfer_no is None else {"channel_no": answer.channel_transfer_no}


def _why(answer: TransferAnswer) -> Row:
    return {} if answer.code is None else {"failure_detail": f"{ChannelRejected.title}: {answer.code}"}
