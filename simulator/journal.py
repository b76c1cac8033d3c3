"""What the simulator received and sent, in its own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from simulator.clock import rfc3339, wall
from simulator.database import Database

ENTRIES_MAX = 50_000
_TRIM_EVERY = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request received (`in`) or callback sent (`out`); `status` is None when no answer crossed the wire."""

    direction: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None
    verdict: str
    fault: str | None = None
    out_no: str | None = None
    refund_no: str | None = None


class Journal:
    """The newest entries; older ones than `ENTRIES_MAX` are dropped."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, entry: Entry) -> None:
        """Add an entry to the caller's transaction."""
        row = {
            "at": wall(),
            "direction": entry.direction,
            "method": entry.method,
            "path": entry.path,
            "headers": orjson.dumps(dict(entry.headers)).decode(),
            "body": entry.body.decode("utf-8", "replace"),
            "status": entry.status,
            "verdict": entry.verdict,
            "fault": entry.fault,
            "out_no": entry.out_no,
            "refund_no": entry.refund_no,
        }
        newest = self._database.insert("journal", row).lastrowid or 0
        if newest % _TRIM_EVERY == 0:
            self._database.execute("DELETE FROM journal WHERE entry_id <= ?", newest - ENTRIES_MAX)

    def read(self, number: str | None, limit: int) -> list[dict[str, Any]]:
        """List entries newest first; with a number only those of that order or refund."""
        if number is None:
            rows = self._database.rows("SELECT * FROM journal ORDER BY entry_id DESC LIMIT ?", limit)
        else:
            of_number = "SELECT * FROM journal WHERE out_no = ? OR refund_no = ? ORDER BY entry_id DESC LIMIT ?"
            rows = self._database.rows(of_number, number, number, limit)
        return [
            {
                **row,
                "at": rfc3339(row["at"]),
                "headers": orjson.loads(row["headers"]),
                "body": json_or_text(row["body"]),
            }
            for row in rows
        ]


def json_or_text(body: str) -> object:
    """Give the parsed JSON of a body, or the body itself when it is not JSON."""
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    return value
