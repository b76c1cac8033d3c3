"""A sender that stalled between its commit and its call: others may have been believed meanwhile."""

import time

import pytest
from temporalio.exceptions import ApplicationError

from activities.sending import STALE_AFTER, require_fresh


def test_a_sender_that_was_let_through_just_now_may_send() -> None:
    """The usual case."""
    require_fresh(time.monotonic())


def test_a_sender_that_stalled_sends_nothing() -> None:
    """The engine tries again, by a new transaction: it is no refusal."""
    with pytest.raises(ApplicationError) as refused:
        require_fresh(time.monotonic() - STALE_AFTER.total_seconds() - 1)
    assert ("send_stale", False) == (refused.value.type, refused.value.non_retryable)
