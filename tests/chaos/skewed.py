"""A process of our own for tests of wrong clocks: it keeps one answer of the channel, and says what time it is."""

import asyncio
import sys
import time
from datetime import UTC, datetime

from activities.answers import keep_answer
from channels.answers import AnswerState, OrderAnswer
from channels.evidence import Evidence
from store.database import Database


async def keep_waiting(database_url: str, out_no: str) -> None:
    """The channel said of that order that it waits for its payer."""
    database = Database.connect(database_url, pool_size=1)
    try:
        async with database.transaction("channel.query.known", out_no) as session:
            evidence = Evidence(op="query", received_at=datetime.now(UTC))
            await keep_answer(session, out_no, OrderAnswer(state=AnswerState.WAITING, evidence=evidence))
    finally:
        await database.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(keep_waiting(*sys.argv[1:]))
    sys.stdout.write(f"{time.time()} {time.monotonic()}\n")
