"""Identifiers: prefixed, unlike each other, in the order of their making, and fit for every channel."""

import time

from domain.ids import OUT_NO_PATTERN, new_id, new_out_no, new_payment_id, new_refund_id


def _next_millisecond() -> None:
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now:
        pass


def test_ids_sort_by_the_time_of_their_making() -> None:
    """An index over ids is an index over time, to the millisecond."""
    made = []
    for _ in range(20):
        made.append(new_id("pay"))
        _next_millisecond()
    assert sorted(made) == made


def test_ids_of_one_millisecond_differ() -> None:
    """80 random bits keep two processes apart."""
    assert 10_000 == len({new_id("pay") for _ in range(10_000)})


def test_an_id_says_what_it_names() -> None:
    """A prefix and 26 characters."""
    assert ("pay", "ref", "mer") == tuple(
        one.split("_")[0] for one in (new_payment_id(), new_refund_id(), new_id("mer"))
    )
    assert 26 == len(new_payment_id().removeprefix("pay_"))


def test_our_number_fits_every_channel() -> None:
    """Law 13: letters and digits, 8 to 32, and one spelling only."""
    numbers = {new_out_no() for _ in range(1_000)}
    assert 1_000 == len(numbers)
    assert all(OUT_NO_PATTERN.fullmatch(number) and number == number.upper() for number in numbers)
