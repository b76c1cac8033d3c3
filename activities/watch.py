"""What the watch looks for: attempts that ended without final proof, and callbacks that nobody applied (laws 8, 9)."""

from sqlalchemy import text
from temporalio import activity

from domain.commands import WatchCommand, WatchItem, WatchList
from store.database import Database

#: A callback that its workflow has not applied for so long was lost on the way to it.
CALLBACK_GRACE_S = 2

_ATTEMPTS = text(
    "SELECT payment_id, out_no, channel, channel_account_id, call_timeout_s FROM attempt"
    " WHERE watch_until IS NOT NULL AND next_check_at <= now() ORDER BY next_check_at LIMIT :batch"
)
_CALLBACKS = text(
    "SELECT c.id AS callback_id, a.payment_id, a.out_no, a.channel, a.channel_account_id, a.call_timeout_s,"
    " p.state IN ('succeeded', 'closed', 'failed') AS payment_ended"
    " FROM callback c JOIN attempt a ON a.out_no = c.out_no JOIN payment p ON p.id = a.payment_id"
    " WHERE c.applied_at IS NULL AND c.kind = 'payment' AND c.verdict <> 'unknown_order'"
    " AND c.received_at <= now() - make_interval(secs => :grace_s) ORDER BY c.received_at LIMIT :batch"
)


class Watch:
    """Reads what is due; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="watch.due")
    async def due(self, command: WatchCommand) -> WatchList:
        """One read: callbacks that wait, then attempts whose next question is due; at most a batch of each."""
        async with self._database.reading() as session:
            callbacks = await session.execute(_CALLBACKS, {"batch": command.batch, "grace_s": CALLBACK_GRACE_S})
            attempts = await session.execute(_ATTEMPTS, {"batch": command.batch})
            rows = [*callbacks.mappings(), *attempts.mappings()]
            return WatchList(items=tuple(WatchItem.model_validate(dict(row)) for row in rows))
