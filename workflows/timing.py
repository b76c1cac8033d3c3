"""Every timeout and retry of the workflows, in one table."""

from datetime import timedelta

from temporalio.common import RetryPolicy

#: One short transaction; the database's own limits lie below it.
LOCAL_STEP = timedelta(seconds=2)
#: Longer waits between tries of a local step become server timers, so that deadlines still fire.
LOCAL_RETRY_THRESHOLD = timedelta(milliseconds=500)
#: Before the pivot a step is tried until the payment's deadline ends it.
UNTIL_DEADLINE = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=10)
)
#: After the pivot (and while undoing) so many tries are silent; then a person is told, and it goes on.
QUIET_TRIES = 8
QUIETLY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=QUIET_TRIES,
)
FORWARD_PAUSE = timedelta(seconds=10)
FORWARD_PAUSE_MAX = timedelta(minutes=5)

#: A channel call ends by itself at the channel's timeout; the activity is given this much more for its transactions.
CALL_MARGIN = timedelta(seconds=4)
CALL_HEARTBEAT = timedelta(seconds=3)
CALL_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=10)
)
#: A query that got no worker or no answer for so long taught nothing; the next poll asks again.
QUERY_LIMIT = timedelta(seconds=40)

#: Between questions while closing.
CLOSING_POLL = timedelta(seconds=2)
CLOSING_POLL_MAX = timedelta(minutes=1)
#: A refund is owed: a call that finds no worker for so long is looked at again from its row.
REFUND_CALL_LIMIT = timedelta(minutes=5)
