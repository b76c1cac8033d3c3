"""The simulator's SQLite file: one connection, used by one event loop, in short synchronous transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.upgrade import upgrade

SCHEMA = Path(__file__).with_name("schema.sql").read_text()

SqlValue = str | int | float | None


class Database:
    """An open book. No `await` may stand inside a transaction: the whole loop shares the connection."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        path = home / "simulator.sqlite3"
        path.touch(mode=0o600)  # it holds the channels' private keys
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        # A killed process loses nothing in WAL mode even without a sync at each commit.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        upgrade(self._connection, SCHEMA)
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside commit together, or none of them when an exception leaves the block."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def execute(self, statement: str, *values: SqlValue) -> sqlite3.Cursor:
        """Run one statement; the answer carries its row count and last row id."""
        return self._connection.execute(statement, values)

    def insert(self, table: str, row: dict[str, Any]) -> sqlite3.Cursor:
        """Add one row whose keys are column names written in this program, never taken from a request."""
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        return self._connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - names are ours

    def one(self, statement: str, *values: SqlValue) -> dict[str, Any] | None:
        """Give the first row, or None."""
        row = self._connection.execute(statement, values).fetchone()
        return None if row is None else dict(row)

    def rows(self, statement: str, *values: SqlValue) -> list[dict[str, Any]]:
        """Give every row."""
        return [dict(row) for row in self._connection.execute(statement, values)]

    def close(self) -> None:
        """Fold the write-ahead log into the file and let it go."""
        self._connection.close()
