"""A verified notification against our rows, and its place among the stored ones (law 8)."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from channels.answers import OrderAnswer
from channels.base import Callback, CallbackKind, Inbound
from domain.ids import new_id

_NEVER_KEPT = frozenset({"authorization", "cookie"})

_OF_PAYMENT = text("""
    SELECT payment_id AS workflow_id, channel_account_id, amount_minor, currency FROM attempt WHERE out_no = :number
""")
#: `known` is what we know already in the channel's own words: a callback that says the same needs nobody any more.
_OF_REFUND = text("""
    SELECT id AS workflow_id, channel_account_id, channel_minor AS amount_minor, currency,
        CASE WHEN state = 'bounced' THEN 'bounced' WHEN leg_state = 'known_ok' THEN 'succeeded'
            WHEN leg_state = 'known_fail' THEN 'failed' END AS known
    FROM refund WHERE out_refund_no = :number
""")
_OF_TRANSFER = text("""
    SELECT id AS workflow_id, channel_account_id, amount_minor - fee_minor AS amount_minor, currency,
        CASE WHEN state = 'returned' THEN 'returned' WHEN leg_state = 'known_ok' THEN 'succeeded'
            WHEN leg_state = 'known_fail' THEN 'failed' END AS known
    FROM payout WHERE out_no = :number
""")

#: The row, if the key is new: `callback` itself lies in partitions, and the key is unique in all of them.
_INSERT = text("""
    WITH gate AS (
        INSERT INTO callback_once (channel_account_id, dedupe_key, callback_id)
        VALUES (:channel_account_id, :dedupe_key, :id) ON CONFLICT DO NOTHING RETURNING callback_id
    )
    INSERT INTO callback (id, channel, channel_account_id, kind, dedupe_key, out_no, out_refund_no, verdict, answer,
                          headers, body, received_at, applied_at)
    SELECT :id, :channel, :channel_account_id, :kind, :dedupe_key, :out_no, :out_refund_no, :verdict,
           CAST(:answer AS jsonb), CAST(:headers AS jsonb), :body, clock_timestamp(),
           CASE WHEN :known THEN clock_timestamp() END
    FROM gate RETURNING id
""")
#: One that lies in the archive had its effect: nothing that waits is archived.
_STORED = text("""
    SELECT o.callback_id, c.id IS NULL OR c.applied_at IS NOT NULL
    FROM callback_once o LEFT JOIN callback c ON c.id = o.callback_id
    WHERE o.channel_account_id = :account_id AND o.dedupe_key = :dedupe_key
""")


class CallbackVerdict(StrEnum):
    """How a notification compares with our row; `unproven` matches, but the channel's signature is weak."""

    MATCHED = "matched"
    UNPROVEN = "unproven"
    MISMATCHED = "mismatched"
    UNKNOWN_ORDER = "unknown_order"


@dataclass(frozen=True)
class Received:
    """What came in, verified, for which account; `is_proof` as the channel's capabilities say."""

    account_id: str
    channel: str
    inbound: Inbound
    callback: Callback
    is_proof: bool


@dataclass(frozen=True)
class Kept:
    """The stored notification and whose workflow it concerns; None when nobody needs to be told (any more)."""

    callback_id: str
    workflow_id: str | None
    verdict: CallbackVerdict


async def keep_callback(session: AsyncSession, received: Received) -> Kept:
    """The notification is stored once; a repeat of one that was applied concerns nobody any more."""
    row = await _row(session, received.callback)
    verdict = compare(received, row)
    callback_id, applied = await _insert(session, received, verdict, known=_is_known(received.callback, row, verdict))
    known = row is not None and verdict is not CallbackVerdict.UNKNOWN_ORDER
    workflow_id = str(row["workflow_id"]) if row is not None and known and not applied else None
    return Kept(callback_id=callback_id, workflow_id=workflow_id, verdict=verdict)


def compare(received: Received, row: dict[str, Any] | None) -> CallbackVerdict:
    """Account, number, amount and currency must all be ours."""
    if row is None:
        return CallbackVerdict.UNKNOWN_ORDER
    answer = received.callback.answer
    amount_minor = answer.paid_amount_minor if isinstance(answer, OrderAnswer) else answer.amount_minor
    same_account = received.callback.account_matches and row["channel_account_id"] == received.account_id
    same_money = amount_minor in {None, row["amount_minor"]} and answer.currency in {None, row["currency"]}
    if not (same_account and same_money):
        return CallbackVerdict.MISMATCHED
    return CallbackVerdict.MATCHED if received.is_proof else CallbackVerdict.UNPROVEN


async def _row(session: AsyncSession, callback: Callback) -> dict[str, Any] | None:
    match callback.kind:
        case CallbackKind.PAYMENT:
            query, number = _OF_PAYMENT, callback.out_no
        case CallbackKind.REFUND:
            query, number = _OF_REFUND, callback.out_refund_no or ""
        case CallbackKind.TRANSFER:
            query, number = _OF_TRANSFER, callback.out_no
    found = (await session.execute(query, {"number": number})).mappings().one_or_none()
    return None if found is None else dict(found)


def _is_known(callback: Callback, row: dict[str, Any] | None, verdict: CallbackVerdict) -> bool:
    """True when it says of our own refund or payout what its row says already."""
    known = None if row is None or verdict is CallbackVerdict.MISMATCHED else row.get("known")
    return known == callback.answer.state.value


async def _insert(
    session: AsyncSession, received: Received, verdict: CallbackVerdict, *, known: bool
) -> tuple[str, bool]:
    """The stored row's id, and whether its effect has been had already."""
    columns = _columns(received, verdict) | {"known": known}
    inserted: str | None = await session.scalar(_INSERT, columns)
    if inserted is not None:
        return inserted, known
    stored = {"account_id": received.account_id, "dedupe_key": received.callback.dedupe_key}
    callback_id, applied = (await session.execute(_STORED, stored)).one()
    return callback_id, applied


def _columns(received: Received, verdict: CallbackVerdict) -> dict[str, Any]:
    callback, inbound = received.callback, received.inbound
    return {
        "id": new_id("cbk"),
        "channel": received.channel,
        "channel_account_id": received.account_id,
        "kind": callback.kind.value,
        "dedupe_key": callback.dedupe_key,
        "out_no": callback.out_no,
        "out_refund_no": callback.out_refund_no,
        "verdict": verdict.value,
        "answer": callback.answer.model_dump_json(),
        "headers": json.dumps({name: value for name, value in inbound.headers.items() if name not in _NEVER_KEPT}),
        "body": inbound.body,
    }
