"""The files that make the book and those that judge it, in the order in which they run.

python -m ledger.sql    prints the part that a migration makes anew (see `store.schema`)
"""

from pathlib import Path

_HERE = Path(__file__).parent
#: What a migration changes by hand, because there are rows in it.
_TABLES = ("001_tables.sql", "002_chart.sql")


def statements() -> tuple[str, ...]:
    """The SQL that makes the book in an empty database; each is a script of several statements for the owner role."""
    return tuple(path.read_text() for path in sorted((_HERE / "sql").glob("*.sql")))


def functions() -> tuple[str, ...]:
    """The part of it that has no rows: types, functions and grants, in a database that has the tables."""
    paths = sorted((_HERE / "sql").glob("*.sql"))
    return tuple(path.read_text() for path in paths if path.name not in _TABLES)


def invariants() -> dict[str, str]:
    """The queries that return no rows while the book is sound, by name; read all of them in one snapshot.

    Each looks at what changed since the moment `:since`; the epoch is before every book.
    """
    return {path.stem: path.read_text() for path in sorted((_HERE / "invariants").glob("*.sql"))}


if __name__ == "__main__":
    print("\n".join(functions()))  # noqa: T201 - it is what this command is for
