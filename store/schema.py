"""Today's schema as SQL, in the order that it can be run: what the newest migration must lead to.

    python -m store.schema > store/migrations/sql/NNNN.sql     (the first revision only)

The ledger's tables and functions are the ledger's own files, which the caller adds: `store` never imports `ledger`.
"""

from pathlib import Path

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import SQLModel

import store.tables as ours

SQL = Path(__file__).parent / "sql"

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO paysaga_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO paysaga_app;
REVOKE UPDATE, DELETE ON evidence, operator_action FROM paysaga_app;
REVOKE INSERT, UPDATE, DELETE ON audit_block FROM paysaga_app;
"""


def tables_sql() -> str:
    """CREATE TABLE and CREATE INDEX for every table of `store`."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    modules = {getattr(ours, name).__name__ for name in ours.__all__}
    mapped = [mapper.class_ for mapper in SQLModel._sa_registry.mappers if mapper.class_.__module__ in modules]  # noqa: SLF001
    names = {str(one.__tablename__) for one in mapped}
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name in names]
    statements = [str(CreateTable(table).compile(dialect=dialect)).strip() for table in tables]
    for table in tables:
        statements += [
            str(CreateIndex(i).compile(dialect=dialect)) for i in sorted(table.indexes, key=lambda i: str(i.name))
        ]
    grants = GRANTS.format(tables=", ".join(table.name for table in tables))
    return ";\n\n".join(statements) + ";\n" + grants


def functions_sql() -> str:
    """Every function of `store/sql`."""
    return "\n\n".join(path.read_text() for path in sorted(SQL.glob("*.sql")))


if __name__ == "__main__":
    print(tables_sql() + "\n" + functions_sql())  # noqa: T201 - it is what this command is for
