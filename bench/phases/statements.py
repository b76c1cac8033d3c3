"""What PostgreSQL spends on which statement, counted by pg_stat_statements, and what the counting costs."""

from typing import Any

from bench.bench import Bench
from bench.loading import Loading
from bench.results import Loaded, Statement, Statements
from devstack.plan import DATABASE

MOST = 25
TEXT_MAX = 400
_TRACK = "pg_stat_statements.track"
_FOUND = f"""
    SELECT regexp_replace(query, '\\s+', ' ', 'g') AS text, calls, total_exec_time + total_plan_time AS ms, rows,
        wal_bytes, NOT toplevel AS nested
    FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    JOIN pg_roles r ON r.oid = s.userid
    WHERE d.datname = 'paysaga' AND NOT r.rolsuper AND query NOT LIKE '%/* bench */%' ORDER BY ms DESC LIMIT {MOST * 2}
"""  # noqa: S608 - a number of ours


async def statements(bench: Bench) -> Statements:
    """The same load by turns without and with counting; each statement's share of a payment."""
    loading, postgres = await bench.loading(), bench.stack.postgres
    postgres.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements;", database=DATABASE)
    await bench.payer_takes(0)
    plain: list[Loaded] = []
    counted: list[Loaded] = []
    loading.rows.set("pg_stat_statements.track_planning", "on")
    postgres.sql("SELECT pg_stat_statements_reset();", database=DATABASE)
    for turn in range(bench.sizes.turns):
        bench.say(f"turn {turn + 1} of {bench.sizes.turns}: without counting statements, and with it")
        plain.append(await loading.measure(loading.plan(f"plain{turn}", bench.sizes.turn)))
        counted.append(await _counted(loading, f"statements{turn}", bench.sizes.turn))
    payments = sum(one.succeeded for one in counted)
    found = loading.rows.read(_FOUND)
    return Statements(
        statements=[_statement(row, payments) for row in found],
        plain_ms=_postgres_ms(plain),
        counted_ms=_postgres_ms(counted),
    )


async def _counted(loading: Loading, name: str, payments: int) -> Loaded:
    loading.rows.set(_TRACK, "'all'")
    try:
        return await loading.measure(loading.plan(name, payments))
    finally:
        loading.rows.set(_TRACK, "'none'")


def _statement(row: dict[str, Any], payments: int) -> Statement:
    return Statement(
        text=row["text"][:TEXT_MAX],
        calls=row["calls"] / payments,
        ms=row["ms"] / payments,
        rows=row["rows"] / payments,
        wal_bytes=row["wal_bytes"] / payments,
        nested=row["nested"],
    )


def _postgres_ms(loads: list[Loaded]) -> float:
    return sum(one.cpu_ms["PostgreSQL"] for one in loads) / len(loads)
