"""How first tries end in the rows: the ends that come in together are one transaction."""

import asyncio
from asyncio import Future, Task
from dataclasses import dataclass

from activities.delivery_rows import Called, record_calls
from activities.event_handing import Handing, mark_handed
from store.database import Database

#: The ends of one tick's tries come in within so many seconds. Nobody waits for the row of a call that was made.
GATHERED_FOR_S = 0.05
TOGETHER_MAX = 100


@dataclass(frozen=True)
class EndOfTry:
    """What one first try left to be written."""

    handing: Handing
    called: Called


class FirstRecords:
    """Writes what it is given; each caller waits for the commit that contains its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[EndOfTry, Future[None]]] = []
        self._writing: Task[None] | None = None

    async def keep(self, end: EndOfTry) -> None:
        """The call has its row; an event whose deliveries have all ended counts as handed over.

        Raises what the transaction raised: then nothing of it is written.
        """
        written: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((end, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await written

    async def _write_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHERED_FOR_S)
            together, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            (outcome,) = await asyncio.gather(self._write([end for end, _ in together]), return_exceptions=True)
            for _, written in together:
                _settle(written, outcome)

    async def _write(self, ends: list[EndOfTry]) -> None:
        ended = [end.handing for end in ends if end.called.state != "pending"]
        async with self._database.transaction("webhook.first", ends[0].called.delivery_id) as session:
            await record_calls(session, [end.called for end in ends])
            if ended:
                await mark_handed(session, ended)


def _settle(waiting: Future[None], outcome: BaseException | None) -> None:
    """Whoever still waits hears how the transaction ended."""
    if waiting.done():
        return
    if outcome is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(outcome)
