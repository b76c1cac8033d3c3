"""Law 5: questions come soon at first, then rarely, and never end."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.backoff import live_check_after, watch_check_after

numbers = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=8, max_size=32)
counts = st.integers(0, 100_000)
LONGEST = timedelta(hours=7, minutes=12)


@given(numbers, counts)
def test_every_pause_is_above_zero_and_bounded(number: str, checks: int) -> None:
    """However often it was asked, it is asked again within 6 hours and 20 %."""
    assert timedelta(seconds=2.4) <= live_check_after(number, checks) <= LONGEST
    assert timedelta(seconds=48) <= watch_check_after(number, checks) <= LONGEST


@given(numbers, counts)
def test_a_pause_is_the_same_each_time_it_is_asked_for(number: str, checks: int) -> None:
    """A step that runs again writes the same moment."""
    assert live_check_after(number, checks) == live_check_after(number, checks)
    assert watch_check_after(number, checks) == watch_check_after(number, checks)


@pytest.mark.parametrize(("pause", "first_s"), [(live_check_after, 3), (watch_check_after, 60)])
def test_the_first_question_comes_soon(pause: Callable[[str, int], timedelta], first_s: int) -> None:
    """Within 20 % of the plan."""
    pauses = [pause(f"NUMBER{i:04}", 0) for i in range(500)]
    assert timedelta(seconds=first_s * 80) <= min(pauses) * 100
    assert max(pauses) * 100 <= timedelta(seconds=first_s * 120)


@given(numbers)
def test_pauses_grow_beyond_the_jitter(number: str) -> None:
    """Two steps of a plan lie further apart than the jitter."""
    pauses = [live_check_after(number, checks) for checks in range(10)]
    assert sorted(pauses) == pauses
    watched = [watch_check_after(number, checks) for checks in range(6)]
    assert sorted(watched) == watched


def test_attempts_are_spread() -> None:
    """A thousand attempts of one moment do not all ask at one moment."""
    assert 30 < len({live_check_after(f"NUMBER{i:04}", 3) for i in range(1_000)})
