"""What the watch looks for (laws 8, 9): what ended and may still change, and callbacks that nobody applied."""

from datetime import timedelta

from sqlalchemy import text
from temporalio import activity

from domain.commands import AppliedCommand, WatchCommand, WatchItem, WatchList
from store.callbacks import mark_applied
from store.database import Database

#: A callback that its workflow has not applied for so long was lost on the way to it.
CALLBACK_GRACE = timedelta(seconds=2)

_CALLBACKS = text("SELECT watch_callbacks(:grace, :batch)")
_DUE = text("SELECT watch_due(:batch)")


class Watch:
    """Reads what is due, and notes which callbacks have had their effect."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="watch.due")
    async def due(self, command: WatchCommand) -> WatchList:
        """Two reads: callbacks that wait, then what must be asked about now; at most a batch of each kind."""
        async with self._database.reading() as session:
            callbacks = await session.scalars(_CALLBACKS, {"grace": CALLBACK_GRACE, "batch": command.batch})
            due = await session.scalars(_DUE, {"batch": command.batch})
            items = [WatchItem.model_validate(item) for item in (*callbacks, *due)]
        return WatchList(items=tuple(items))

    @activity.defn(name="watch.applied")
    async def applied(self, command: AppliedCommand) -> None:
        """One transaction: the callback has had its effect; a second run changes nothing."""
        async with self._database.transaction("watch.applied", command.callback_id) as session:
            await mark_applied(session, command.callback_id)
