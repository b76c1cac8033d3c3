"""What the control APIs set and a restart keeps."""

from typing import Any, TypeVar

import orjson

from simulator.database import Database

Value = TypeVar("Value", bound=str | int | None)


class Dials:
    """Named JSON values, kept in the book and read from memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = database.rows("SELECT name, value FROM dials")
        self._values: dict[str, Any] = {row["name"]: orjson.loads(row["value"]) for row in rows}

    def read(self, name: str, default: Value) -> Value:
        """Give the value, or the default while nobody has set it."""
        value: Value = self._values.get(name, default)
        return value

    def turn(self, name: str, value: str | int | None) -> None:
        """Set the value, durably."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO dials VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                name,
                orjson.dumps(value).decode(),
            )
        self._values[name] = value
