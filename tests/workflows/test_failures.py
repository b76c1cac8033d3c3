"""How a failed step is read (law 7): refusals compensate, running out of time stops, anything else decides nothing."""

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, RetryState, TimeoutType
from temporalio.exceptions import TimeoutError as StepTimeout

from workflows.failures import refusal_of, timed_out


def wrapped(cause: BaseException, state: RetryState = RetryState.TIMEOUT) -> ActivityError:
    """A failure as it arrives from a normal activity."""
    error = ActivityError(
        "activity failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker",
        activity_type="channel.query",
        activity_id="1",
        retry_state=state,
    )
    error.__cause__ = cause
    return error


TIMEOUT = StepTimeout("too late", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[])
RETRYABLE = ApplicationError("the database was down", type="DBAPIError")
REFUSED = ApplicationError("no stock", type="out_of_stock", non_retryable=True)
FOREIGN = ApplicationError("a bug", type="LedgerConflict", non_retryable=True)


@pytest.mark.parametrize(
    ("error", "refused", "late"),
    [
        (wrapped(TIMEOUT), False, True),
        (wrapped(RETRYABLE), False, True),
        (RETRYABLE, False, True),
        (wrapped(REFUSED, RetryState.NON_RETRYABLE_FAILURE), True, False),
        (REFUSED, True, False),
        (wrapped(FOREIGN, RetryState.NON_RETRYABLE_FAILURE), False, False),
    ],
)
def test_a_failure_is_sorted_by_what_it_decides(error: FailureError, *, refused: bool, late: bool) -> None:
    """A retryable failure reaches a workflow only when the next try would have come too late."""
    assert (refused, late) == (refusal_of(error) is not None, timed_out(error))
