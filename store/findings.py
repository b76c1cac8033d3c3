"""The findings of the scheduled looks, as they are listed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.verification import FindingObject, FindingState

#: Two of one moment are told apart by what they are about.
_MARK = "md5(invariant || ' ' || object_id)"
_FINDINGS = f"""
    SELECT invariant AS rule, object_id, holds, evidence, owner, first_seen_at, last_seen_at, ended_at,
        CASE WHEN ended_at IS NULL THEN 'open' ELSE 'ended' END AS state, {_MARK} AS mark
    FROM verify_finding
"""  # noqa: S608 - constants
#: Each filter of a look-up and its condition; only those that are asked for become part of the statement.
_CONDITIONS = {
    "state": "(ended_at IS NULL) = (:state = 'open')",
    "rule": "invariant = :rule",
    "object_id": "object_id = :object_id",
    "mark": f"(first_seen_at, {_MARK}) < (:first_seen_at, :mark)",
}


@dataclass(frozen=True)
class FindingPlace:
    """Where a finding stands in the list."""

    first_seen_at: datetime
    mark: str


@dataclass(frozen=True)
class FindingFilter:
    """Which findings are looked for; what is None does not matter. `after` is the last one that was seen."""

    state: FindingState | None = None
    rule: str | None = None
    object_id: str | None = None
    after: FindingPlace | None = None


async def findings(
    session: AsyncSession, wanted: FindingFilter, *, limit: int
) -> list[tuple[FindingObject, FindingPlace]]:
    """The newest `limit` findings that match, each with its place."""
    named = {"state": wanted.state, "rule": wanted.rule, "object_id": wanted.object_id}
    asked = {name: value for name, value in named.items() if value is not None}
    after = {} if wanted.after is None else vars(wanted.after)
    where = " AND ".join(_CONDITIONS[name] for name in (*asked, *(["mark"] if after else []))) or "true"
    statement = text(f"{_FINDINGS} WHERE {where} ORDER BY first_seen_at DESC, mark DESC LIMIT :limit")
    rows = (await session.execute(statement, {**asked, **after, "limit": limit})).mappings()
    return [(FindingObject.model_validate({**row}), FindingPlace(row["first_seen_at"], row["mark"])) for row in rows]
