"""The payment's rows: each function is one statement of a step, inside the caller's transaction."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.commands import PaymentView
from domain.errors import NotFound
from domain.states import PaymentState, Purpose

_VIEW = text("SELECT payment_view(:id)")
_OPEN = text("SELECT payment_open(CAST(:payment AS jsonb), CAST(:lines AS jsonb), CAST(:attempt AS jsonb))")
_MOVE = text("SELECT payment_move(:id, CAST(:origins AS text[]), :to, CAST(:columns AS jsonb), :event)")
_PIVOT = text(
    "SELECT payment_move(:id, CAST(:origins AS text[]), 'confirming',"
    " jsonb_build_object('paid_at', clock_timestamp(), 'certainty', 'sure'), NULL)"
)
_SEND = text("SELECT attempt_send(:out_no)")
_UNSEND = text("SELECT attempt_unsend(:out_no)")
_RECORD = text("SELECT answer_record(:out_no, CAST(:attempt AS jsonb), CAST(:evidence AS jsonb), CAST(:move AS jsonb))")
_ADD_ATTEMPT = text("SELECT attempt_open(CAST(:attempt AS jsonb))")
_FORBID = text(
    "UPDATE attempt SET state = 'never_sent', updated_at = now() WHERE out_no = :out_no AND state = 'intent'"
)
#: `read_at` is the database's clock, which all processes share: theirs may be wrong, and decide nothing.
_OPENING = text(
    "WITH opening AS (SELECT clock_timestamp() AS read_at, payment_view(:id) AS view, r.body, r.merchant_id,"
    " a.channel, a.funds_holder, a.fee_rate_bps, a.fee_fixed_minor, a.fee_cap_minor,"
    " EXISTS (SELECT FROM merchant_rule m WHERE m.merchant_id = r.merchant_id"
    " AND m.operation = coalesce(r.body ->> 'purpose', 'payment') AND m.currency = r.body ->> 'currency') AS ruled"
    " FROM (VALUES (CAST(:id AS text))) wanted (id) LEFT JOIN payment_request r ON r.payment_id = wanted.id"
    " LEFT JOIN channel_account a"
    " ON a.id = r.body ->> 'channel_account_id' AND a.merchant_id = r.merchant_id AND a.enabled)"
    " SELECT opening.*, CASE WHEN :holds AND (view IS NOT NULL OR NOT ruled) THEN"
    " ARRAY[set_config('lock_timeout', '300ms', true), set_config('statement_timeout', '1000ms', true)] END AS briefly"
    " FROM opening"
)
_STANDING = text(
    "SELECT clock_timestamp() AS read_at,"
    " p.id AS payment_id, p.merchant_id, p.state AS payment_state, p.failure_code IS NOT NULL AS refused,"
    " p.needs_attention, m.attention_after_s, a.out_no, a.channel, a.channel_account_id, a.state AS attempt_state,"
    " a.amount_minor, a.currency, a.close_proof, a.close_margin_s, a.expires_at, a.sent_at, a.checks, a.watch_until"
    " FROM attempt a JOIN payment p ON p.id = a.payment_id JOIN merchant m ON m.id = p.merchant_id"
    " WHERE a.out_no = :out_no FOR UPDATE OF p, a"
)


async def view(session: AsyncSession, payment_id: str) -> PaymentView | None:
    """The payment as its workflow needs it; None when it is not open yet."""
    found = await session.scalar(_VIEW, {"id": payment_id})
    return None if found is None else PaymentView.model_validate(found)


async def require_view(session: AsyncSession, payment_id: str) -> PaymentView:
    """The payment; NotFound when it is not open."""
    found = await view(session, payment_id)
    if found is None:
        raise NotFound(f"payment {payment_id} is not open")
    return found


@dataclass(frozen=True)
class Opening:
    """What a payment opens from: what is open already, or the validated request with its channel account's fee rule.

    `ruled` is true when the merchant has a rule for it.
    """

    view: PaymentView | None
    request: dict[str, Any] | None
    ruled: bool


async def begin_open(session: AsyncSession, payment_id: str, *, holds: bool) -> Opening:
    """The first statement of the transaction that opens.

    Where that is to hold too (`holds`), it waits only briefly for what is in use: holding has a step of its own, which
    has the payment's time, and `open` has two seconds. A limit that is counted is waited for as long as any lock.
    """
    row = (await session.execute(_OPENING, {"id": payment_id, "holds": holds})).mappings().one()
    found, known = row["view"], row["body"] is not None
    view = None if found is None else PaymentView.model_validate(found)
    return Opening(view, dict(row) if known else None, row["ruled"])


async def insert(
    session: AsyncSession, payment: dict[str, Any], lines: list[dict[str, Any]], attempt: dict[str, Any] | None
) -> PaymentView:
    """The payment with its lines and its first intent; one that exists is answered as it is."""
    arguments = {"payment": json.dumps(payment), "lines": json.dumps(lines), "attempt": _json(attempt)}
    return PaymentView.model_validate(await session.scalar(_OPEN, arguments))


async def move(  # noqa: PLR0913 - the one statement that moves a payment
    session: AsyncSession,
    payment_id: str,
    *,
    origins: tuple[PaymentState, ...],
    to: PaymentState,
    columns: dict[str, Any] | None = None,
    event: str | None = None,
) -> PaymentView:
    """The payment is `to` if it was in one of `origins`; otherwise nothing changes. Answers it as it is now.

    `event` is what happened (`closed`); its type begins with what the payment is for.
    """
    arguments = {
        "id": payment_id,
        "origins": list(origins),
        "to": to,
        "columns": json.dumps(columns or {}),
        "event": event,
    }
    return PaymentView.model_validate(await session.scalar(_MOVE, arguments))


async def pivot(session: AsyncSession, payment_id: str, *, origins: tuple[PaymentState, ...]) -> PaymentView:
    """The payment is `confirming` if it was in one of `origins`, and paid by now, by the database's clock."""
    return PaymentView.model_validate(await session.scalar(_PIVOT, {"id": payment_id, "origins": list(origins)}))


_SUCCEED = text("SELECT payment_succeed(:id)")


async def succeed(session: AsyncSession, payment_id: str) -> PaymentView:
    """The payment is `succeeded`, captured in full, and its event is written; a repeat changes nothing."""
    return PaymentView.model_validate(await session.scalar(_SUCCEED, {"id": payment_id}))


async def begin_send(session: AsyncSession, out_no: str) -> dict[str, Any]:
    """INTENT became SENT unless it was cancelled or too late; answers what was found and what to send."""
    sent: dict[str, Any] = await session.scalar(_SEND, {"out_no": out_no})
    return sent


async def undo_send(session: AsyncSession, out_no: str) -> None:
    """The intent stands again, because the call provably did not leave us."""
    await session.execute(_UNSEND, {"out_no": out_no})


async def forbid_send(session: AsyncSession, out_no: str) -> None:
    """An intent is `never_sent`; an attempt that was sent stays as it is."""
    await session.execute(_FORBID, {"out_no": out_no})


async def add_attempt(session: AsyncSession, attempt: dict[str, Any]) -> None:
    """The intent of one more attempt is recorded, once per number."""
    await session.execute(_ADD_ATTEMPT, {"attempt": json.dumps(attempt)})


async def lock_standing(session: AsyncSession, out_no: str) -> dict[str, Any]:
    """The payment and the attempt, locked in this order, as a judgement needs them; NotFound for an unknown number."""
    found = (await session.execute(_STANDING, {"out_no": out_no})).mappings().one_or_none()
    if found is None:
        raise NotFound(f"no attempt {out_no}")
    return dict(found)


async def record(
    session: AsyncSession,
    out_no: str,
    *,
    attempt: dict[str, Any],
    evidence: dict[str, Any] | None,
    move: dict[str, Any] | None,
) -> PaymentView:
    """What the channel said is kept with its evidence, and the payment has moved accordingly."""
    arguments = {"out_no": out_no, "attempt": json.dumps(attempt), "evidence": _json(evidence), "move": _json(move)}
    return PaymentView.model_validate(await session.scalar(_RECORD, arguments))


def _json(document: dict[str, Any] | None) -> str | None:
    return None if document is None else json.dumps(document)


_SWITCHES_UNPROVEN = text("SELECT switch_unproven FROM merchant WHERE id = :id")
_ACCOUNT_FOR = text(
    "SELECT id FROM channel_account WHERE merchant_id = :merchant_id AND channel = :channel AND currency = :currency"
    " AND (NOT :only_ours OR funds_holder = 'platform') AND enabled ORDER BY id LIMIT 1"
)


async def switches_unproven(session: AsyncSession, merchant_id: str) -> bool:
    """True when the merchant accepts that the loser of an unproven switch is refunded (law 10)."""
    return bool(await session.scalar(_SWITCHES_UNPROVEN, {"id": merchant_id}))


async def channel_account_for(session: AsyncSession, payment: PaymentView, channel: str) -> str | None:
    """The merchant's first enabled account at that channel that can collect the payment; None when there is none.

    A top-up's money must reach us.
    """
    only_ours = payment.purpose is Purpose.TOP_UP
    arguments = {
        "merchant_id": payment.merchant_id,
        "channel": channel,
        "currency": payment.currency,
        "only_ours": only_ours,
    }
    account_id: str | None = await session.scalar(_ACCOUNT_FOR, arguments)
    return account_id


_LAST_ANSWER = text(
    "SELECT state FROM evidence WHERE out_no = :out_no AND state <> 'unknown' AND received_at >= :since"
    " ORDER BY id DESC LIMIT 1"
)


async def last_answer_since(session: AsyncSession, out_no: str, since: datetime) -> str | None:
    """What the channel last said of the attempt from then on; None when it said nothing."""
    state: str | None = await session.scalar(_LAST_ANSWER, {"out_no": out_no, "since": since})
    return state


_LOCK_CLOSING = text("SELECT pg_advisory_xact_lock(hashtextextended('closing of ' || :account_id, 0))")


async def lock_closing(session: AsyncSession, account_id: str) -> None:
    """Until this transaction ends no other closes the account, or opens a top-up or refund into it."""
    await session.execute(_LOCK_CLOSING, {"account_id": account_id})
