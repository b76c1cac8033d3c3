"""The files that make the book and those that judge it, in the order in which they run."""

from pathlib import Path

_HERE = Path(__file__).parent


def statements() -> tuple[str, ...]:
    """The SQL that makes the book in an empty database; each is a script of several statements for the owner role."""
    return tuple(path.read_text() for path in sorted((_HERE / "sql").glob("*.sql")))


def invariants() -> dict[str, str]:
    """The queries that return no rows while the book is sound, by name; read all of them in one snapshot.

    Each looks at what changed since the moment `:since`; the epoch is before every book.
    """
    return {path.stem: path.read_text() for path in sorted((_HERE / "invariants").glob("*.sql"))}
