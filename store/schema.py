"""Today's schema as SQL, in the order that it can be run: what the newest migration must lead to.

A migration has two parts, frozen beside it. `migrations/sql/NNNN.sql` is written by hand: what happens to tables and to
the rows in them, the ledger's too. `migrations/sql/NNNN_functions.sql` drops every view, trigger, function and
composite type and makes today's; it is printed, again after each change until the migration is released:

    { python -m store.schema functions; python -m ledger.sql; } > store/migrations/sql/NNNN_functions.sql

`python -m store.schema` prints the tables too, to copy from. `tests/store/test_migrations.py` compares a database that
was migrated when it was empty, and one with rows in it, with what today's files make, and says what differs. The
ledger's files are the ledger's own: `store` never imports `ledger`.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import SQLModel

import store.tables as ours

SQL = Path(__file__).parent / "sql"

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;
REVOKE UPDATE, DELETE ON evidence, operator_action FROM paysaga_app;
REVOKE UPDATE, DELETE ON event_once, callback_once FROM paysaga_app;
REVOKE INSERT, UPDATE, DELETE ON audit_block FROM paysaga_app;
"""

#: Nothing here holds rows. In the order of who needs whom, so that whatever else needs one of them stops the migration.
DROP_FUNCTIONS = """-- Everything without rows is dropped and made anew.

DO $$
DECLARE
    v_drop text;
BEGIN
    FOR v_drop IN
        SELECT statement FROM (
            SELECT 1 AS place, oid, format('DROP VIEW %s', oid::regclass) AS statement FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' AND relowner = current_user::regrole
            UNION ALL
            SELECT 2, pg_trigger.oid, format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
            UNION ALL
            SELECT 3, oid, format('DROP FUNCTION %s', oid::regprocedure) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
            UNION ALL
            SELECT 4, oid, format('DROP TYPE %s', oid::regclass) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'c' AND relowner = current_user::regrole
        ) AS dropped ORDER BY place, oid DESC
    LOOP
        EXECUTE v_drop;
    END LOOP;
END $$;
"""


def tables_sql() -> str:
    """CREATE TABLE and CREATE INDEX for every table of `store`."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    modules = {getattr(ours, name).__name__ for name in ours.__all__}
    mapped = [mapper.class_ for mapper in SQLModel._sa_registry.mappers if mapper.class_.__module__ in modules]  # noqa: SLF001
    names = {str(one.__tablename__) for one in mapped}
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name in names]
    statements = [str(CreateTable(table).compile(dialect=dialect)).strip() for table in tables]
    statements += default_partitions(tables)
    for table in tables:
        statements += [
            str(CreateIndex(i).compile(dialect=dialect)) for i in sorted(table.indexes, key=lambda i: str(i.name))
        ]
    grants = GRANTS.format(tables=", ".join(table.name for table in tables))
    return ";\n\n".join(statements) + ";\n" + grants


def default_partitions(tables: Iterable[Table]) -> list[str]:
    """CREATE TABLE for the partition of each partitioned one that takes what no other does."""
    partitioned = [table.name for table in tables if table.dialect_options["postgresql"]["partition_by"]]
    return [f"CREATE TABLE {name}_default PARTITION OF {name} DEFAULT" for name in partitioned]


def functions_sql() -> str:
    """Every function of `store/sql`."""
    return "\n\n".join(path.read_text() for path in sorted(SQL.glob("*.sql")))


if __name__ == "__main__":
    first = DROP_FUNCTIONS if sys.argv[1:] == ["functions"] else tables_sql()
    print(first + "\n" + functions_sql())  # noqa: T201 - it is what this command is for
