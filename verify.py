"""Whether the book and every object hold to their rules, in one snapshot.

python verify.py [--since 2026-01-31T00:00:00Z | --since last-seal] [--json]

The database is the one of PAYSAGA_DATABASE_URL, else that of the stack that `make up` runs. Ends with 0 when all rules
hold, 1 when one does not, 2 when they could not be asked.
"""

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime

from asyncpg import PostgresError
from sqlalchemy.exc import SQLAlchemyError

from activities.verification import sealed_until, verify
from domain.verification import Report, Verdict
from settings import Settings
from store.database import Database

LAST_SEAL = "last-seal"
ROWS_SHOWN = 3
HOLDS, BROKEN, UNKNOWN = 0, 1, 2


async def run(settings: Settings, since: str | None) -> Report:
    """What every invariant says; ValueError without a database or with a time that is none."""
    database = Database.connect(_database_url(settings))
    try:
        return await verify(database, since=await _since(database, since))
    finally:
        await database.close()


def _database_url(settings: Settings) -> str:
    demo = settings.home / "demo.json"
    if settings.database_url is None and demo.exists():
        return str(json.loads(demo.read_text())["database_url"])
    return settings.require_database_url()


async def _since(database: Database, said: str | None) -> datetime | None:
    if said == LAST_SEAL:
        async with database.reading() as session:
            return await sealed_until(session)
    if said is None:
        return None
    at = datetime.fromisoformat(said)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def table(report: Report) -> str:
    """One line for each invariant, with the first rows of those that do not hold."""
    lines = [f"{'':4}{'rows':>6}{'ms':>7}  what holds"]
    for verdict in report.verdicts:
        mark = "FAIL" if verdict.rows else "ok"
        number = verdict.invariant.number
        lines.append(f"{number:>3} {verdict.count:>6}{verdict.duration_ms:>7}  {mark:<5}{verdict.invariant.holds}")
        lines += [f"{'':19}{json.dumps(row, ensure_ascii=False)}" for row in verdict.rows[:ROWS_SHOWN]]
    return "\n".join([*lines, "", _summary(report)])


def _summary(report: Report) -> str:
    looked_at = "everything" if report.since is None else f"what changed since {report.since.isoformat()}"
    said = f"{len(report.broken)} do not hold" if report.broken else "all hold"
    return f"{len(report.verdicts)} rules, {said}; {looked_at}, one snapshot, {report.duration_ms} ms"


def as_json(report: Report) -> str:
    """The same for a machine, each row whole."""
    return json.dumps(
        {
            "since": None if report.since is None else report.since.isoformat(),
            "broken": len(report.broken),
            "duration_ms": report.duration_ms,
            "invariants": [_verdict(verdict) for verdict in report.verdicts],
        },
        ensure_ascii=False,
    )


def _verdict(verdict: Verdict) -> dict[str, object]:
    invariant = verdict.invariant
    about = {"number": invariant.number, "name": invariant.name, "holds": invariant.holds}
    return {**about, "duration_ms": verdict.duration_ms, "rows": list(verdict.rows)}


def main() -> int:
    """Asks, prints, and answers the exit code."""
    parser = argparse.ArgumentParser(description="Asks whether the book and every object hold to their rules.")
    parser.add_argument("--since", help=f"a time (RFC 3339), or {LAST_SEAL}: only what changed since then")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    try:
        report = asyncio.run(run(Settings(), arguments.since))
    except (ValueError, OSError, SQLAlchemyError, PostgresError) as error:
        sys.stderr.write(f"verify: the rules could not be asked: {error}\n")
        return UNKNOWN
    sys.stdout.write((as_json(report) if arguments.json else table(report)) + "\n")
    return BROKEN if report.broken else HOLDS


if __name__ == "__main__":
    sys.exit(main())
