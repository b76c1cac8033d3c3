"""All invariants in one snapshot: what the command prints, and what the schedule publishes."""

import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import JSON, DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.heartbeat import heartbeats
from domain.verification import BEGINNING, Invariant, Report, Scope, Verdict, VerifyCommand, VerifyCounts
from ledger import sql as book
from ledger.days import ZONE, last_sealed
from store import verification as store
from store.database import Database

_log = structlog.get_logger("verify")

#: A run keeps so many rows of an invariant; what is broken more often is broken as a whole.
ROWS_MAX = 1_000
#: A run has seen what a seal closed off when its snapshot is so much younger: no transaction lasts as long.
SEEN_AGAIN = timedelta(minutes=5)

_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
# The limits of a payment's steps are not those of a look at the whole book.
_PATIENT = text("SET LOCAL statement_timeout = '30min'")


def invariants() -> tuple[Invariant, ...]:
    """Those of the book and those of the objects, by number."""
    found = book.invariants() | store.invariants()
    return tuple(Invariant(name=name, query=query) for name, query in sorted(found.items()))


async def verify(database: Database, *, since: datetime | None = None) -> Report:
    """What every invariant says in one snapshot, of what changed `since` then or of everything; nothing is written."""
    started = time.monotonic_ns()
    async with database.transaction("verify") as session:
        await session.execute(_SNAPSHOT)
        await session.execute(_PATIENT)
        verdicts = tuple([verdict async for verdict in _verdicts(session, since or BEGINNING)])
    scope = Scope.EVERYTHING if since is None else Scope.CHANGED
    return Report(scope=scope, since=since, verdicts=verdicts, duration_ms=_ms_since(started))


async def sealed_until(session: AsyncSession) -> datetime | None:
    """The end of the last sealed day; None, which stands for everything, before the first seal."""
    sealed = await last_sealed(session)
    return None if sealed is None else datetime.combine(sealed.day + timedelta(days=1), datetime.min.time(), ZONE)


async def _verdicts(session: AsyncSession, since: datetime) -> AsyncIterator[Verdict]:
    for invariant in invariants():
        started = time.monotonic_ns()
        rows = await _rows(session, invariant, since)
        yield Verdict(invariant=invariant, rows=rows, duration_ms=_ms_since(started))


async def _rows(session: AsyncSession, invariant: Invariant, since: datetime) -> tuple[dict[str, Any], ...]:
    """The rows that break it, as JSON that PostgreSQL made: its columns keep their order."""
    limited = f"SELECT row_to_json(found) AS row FROM (\n{invariant.query}\n) AS found LIMIT {ROWS_MAX}"  # noqa: S608 - our files
    statement = text(limited).bindparams(bindparam("since", since, type_=DateTime(timezone=True)))
    return tuple((await session.scalars(statement.columns(row=JSON))).all())


def _ms_since(started: int) -> int:
    return (time.monotonic_ns() - started) // 1_000_000


class Verification:
    """The scheduled look at the book: publishes what does not hold, and flags it."""

    def __init__(self, database: Database, overlap_s: int) -> None:
        """What changed so shortly before the last run is looked at again: far longer than a transaction may last."""
        self._database = database
        self._overlap = timedelta(seconds=overlap_s)

    @activity.defn(name="verify.run")
    async def run(self, command: VerifyCommand) -> VerifyCounts:
        """One snapshot for reading, then one transaction that keeps the run and its findings; repeatable."""
        async with heartbeats():
            report = await verify(self._database, since=await self._since(command.scope))
            report = report.model_copy(update={"scope": command.scope})
            async with self._database.transaction("verify.publish") as session:
                await store.publish(session, report)
        for verdict in report.broken:
            _log.error("invariant_broken", invariant=verdict.invariant.name, rows=verdict.count, first=verdict.rows[0])
        counts = report.counts()
        _log.info("verified", **counts.model_dump(mode="json"))
        return counts

    async def _since(self, scope: Scope) -> datetime | None:
        """Shortly before the last run that came to its end; not before the last seal; None is everything.

        So a minute's run stays small however much the day has brought. A seal that came after that run bounds nothing:
        what changed before midnight, and no run has seen yet, is looked at, as after an outage.
        """
        if scope is Scope.EVERYTHING:
            return None
        async with self._database.reading() as session:
            sealed, seen = await sealed_until(session), await store.seen_until(session)
        if seen is None or sealed is None:
            return sealed if seen is None else seen - self._overlap
        return seen - self._overlap if seen < sealed + SEEN_AGAIN else max(sealed, seen - self._overlap)
