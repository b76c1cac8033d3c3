"""The invariants of everything outside the book, what a run of all of them leaves, and how it is read."""

import json
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.verification import Report, Scope, Verdict

_INVARIANTS = Path(__file__).parent / "invariants"
#: Who looks at a finding first.
OWNER = "operations"

_RUN = text(
    "INSERT INTO verify_run (scope, since, invariants, broken, rows, duration_ms)"
    " VALUES (:scope, :since, :invariants, :broken, :rows, :duration_ms)"
)
_FIND = text("""
    INSERT INTO verify_finding (invariant, object_id, holds, evidence, owner)
    SELECT :invariant, found ->> 'object_id', :holds, found -> 'evidence', :owner
    FROM jsonb_array_elements(CAST(:found AS jsonb)) AS found
    ON CONFLICT (invariant, object_id) DO UPDATE SET
        holds = excluded.holds, evidence = excluded.evidence, last_seen_at = now(), ended_at = NULL,
        first_seen_at = CASE WHEN verify_finding.ended_at IS NULL THEN verify_finding.first_seen_at ELSE now() END
""")
_END = text(
    "UPDATE verify_finding SET ended_at = now() WHERE ended_at IS NULL"
    " AND last_seen_at < now() - CAST(:duration_ms AS double precision) * interval '1 millisecond'"
)
_OPEN = text("SELECT invariant, count(*) AS findings FROM verify_finding WHERE ended_at IS NULL GROUP BY invariant")
#: The newest were the last to end, and a snapshot is as old as its run lasted.
_SEEN = text("""
    SELECT max(ran_at - duration_ms * interval '1 millisecond')
    FROM (SELECT ran_at, duration_ms FROM verify_run ORDER BY id DESC LIMIT 10) AS newest
""")
_LAST = text("SELECT scope, extract(epoch FROM max(ran_at))::bigint AS ran_at_s FROM verify_run GROUP BY scope")


def invariants() -> dict[str, str]:
    """The queries that return no rows while the rules hold, by name; read all of them in one snapshot."""
    return {path.stem: path.read_text() for path in sorted(_INVARIANTS.glob("*.sql"))}


async def publish(session: AsyncSession, report: Report) -> None:
    """The run and its findings are kept, each with an owner; what a full run finds no more is ended.

    What another run found after the full one had taken its snapshot stays.
    """
    counts = report.counts()
    await session.execute(_RUN, counts.model_dump() | {"scope": str(report.scope)})
    for verdict in report.broken:
        about = {"invariant": verdict.invariant.name, "holds": verdict.invariant.holds, "owner": OWNER}
        await session.execute(_FIND, about | {"found": json.dumps(_found(verdict))})
    if report.scope is Scope.EVERYTHING:
        await session.execute(_END, {"duration_ms": report.duration_ms})


async def open_findings(session: AsyncSession) -> dict[str, int]:
    """How many findings wait for somebody, by invariant."""
    return {row.invariant: row.findings for row in await session.execute(_OPEN)}


async def seen_until(session: AsyncSession) -> datetime | None:
    """When the newest snapshot was taken whose run came to its end; None before the first."""
    seen: datetime | None = await session.scalar(_SEEN)
    return seen


async def last_runs(session: AsyncSession) -> dict[str, int]:
    """When each scope ran last, in seconds of the epoch."""
    return {row.scope: row.ran_at_s for row in await session.execute(_LAST)}


def _found(verdict: Verdict) -> list[dict[str, object]]:
    """One finding for each object: the first column names it."""
    by_object = {str(next(iter(row.values()))): row for row in verdict.rows}
    return [{"object_id": name, "evidence": row} for name, row in by_object.items()]
