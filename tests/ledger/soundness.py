"""Which invariants do not hold, read as the owner on one connection."""

from datetime import UTC, datetime

import asyncpg

from ledger.sql import invariants

#: Before every book: nothing is left out.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


async def broken(connection: asyncpg.Connection, since: datetime = BEGINNING) -> list[str]:
    """The invariants that do not hold now, looking at what changed since then."""
    return [
        name
        for name, query in invariants().items()
        if await connection.fetch(query.replace(":since", "$1::timestamptz"), since)
    ]
