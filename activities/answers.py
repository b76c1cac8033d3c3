"""One transaction for every answer of a channel, however it reached us: lock, judge, keep, move, post what is late."""

import json
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.judgement import Move, Standing, Verdict, judge
from activities.unapplied import post_unapplied
from channels.answers import OrderAnswer
from channels.evidence import Evidence
from domain.commands import PaymentView
from domain.states import AttemptState, CloseProof, PaymentState
from store import payments


async def lock(session: AsyncSession, out_no: str) -> Standing:
    """The payment and attempt behind our number, locked until the transaction ends; NotFound for an unknown one."""
    row = await payments.lock_standing(session, out_no)
    return Standing(
        **{
            **row,
            "payment_state": PaymentState(row["payment_state"]),
            "attempt_state": AttemptState(row["attempt_state"]),
            "close_proof": CloseProof(row["close_proof"]),
        }
    )


async def keep_answer(session: AsyncSession, out_no: str, answer: OrderAnswer) -> PaymentView:
    """What the channel said has had its effect, once; a repeat of the same news changes nothing."""
    standing = await lock(session, out_no)
    verdict = judge(standing, answer, standing.read_at)
    return await _keep(session, standing, verdict, evidence_row(answer.evidence, answer.state), answer)


async def keep_silence(session: AsyncSession, out_no: str, evidence: Evidence | None) -> PaymentView:
    """A call whose outcome is unknown is kept as that (law 5)."""
    standing = await lock(session, out_no)
    verdict = judge(standing, None, standing.read_at)
    return await _keep(
        session, standing, verdict, None if evidence is None else evidence_row(evidence, "unknown"), None
    )


async def keep_verdict(session: AsyncSession, standing: Standing, verdict: Verdict) -> PaymentView:
    """A verdict that came without an answer (such as a presumption) is kept."""
    return await _keep(session, standing, verdict, None, None)


async def _keep(
    session: AsyncSession,
    standing: Standing,
    verdict: Verdict,
    evidence: dict[str, Any] | None,
    answer: OrderAnswer | None,
) -> PaymentView:
    if verdict.unapplied is not None and answer is not None:
        await post_unapplied(session, standing, verdict.unapplied, answer)
    return await payments.record(
        session, standing.out_no, attempt=verdict.attempt, evidence=evidence, move=_move(verdict.move)
    )


def _move(move: Move | None) -> dict[str, Any] | None:
    if move is None:
        return None
    return {"from": list(move.origins), "to": move.to, "set": move.columns, "event": move.event}


def evidence_row(evidence: Evidence, state: str) -> dict[str, Any]:
    """The columns of the row that proves an answer, or the lack of one."""
    return {
        "operation": evidence.op,
        "state": state,
        "http_status": evidence.http_status,
        "code": evidence.code,
        "request_id": evidence.request_id,
        "raw": evidence.raw,
    }


def parse_stored_answer(document: dict[str, Any]) -> OrderAnswer:
    """The answer inside a stored callback."""
    return OrderAnswer.model_validate_json(json.dumps(document))
