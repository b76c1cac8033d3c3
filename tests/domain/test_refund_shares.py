"""What a refund gives back by which tool."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refund_shares import Paid, Shares, next_shares, returnable_fee_minor

THIRDS = Paid(paid_minor=10_000, balance_minor=3_001, coupon_minor=1_999, fee_minor=61)


def _sum(parts: list[Shares]) -> Shares:
    return Shares(
        amount_minor=sum(one.amount_minor for one in parts),
        balance_minor=sum(one.balance_minor for one in parts),
        coupon_minor=sum(one.coupon_minor for one in parts),
        fee_minor=sum(one.fee_minor for one in parts),
    )


def _refund(paid: Paid, amounts: list[int]) -> list[Shares]:
    parts: list[Shares] = []
    for amount_minor in amounts:
        parts.append(next_shares(paid, _sum(parts), amount_minor))
    return parts


def test_three_refunds_of_a_third_give_every_part_back() -> None:
    """Nothing is left over and nothing is given twice, the fee included."""
    whole = Shares(amount_minor=10_000, balance_minor=3_001, coupon_minor=1_999, fee_minor=61)
    assert whole == _sum(_refund(THIRDS, [3_333, 3_333, 3_334]))


def test_the_first_third_is_rounded_down_for_the_wallet() -> None:
    """The channel gives the rest, so that the parts sum to the refund."""
    first = _refund(THIRDS, [3_333])[0]
    assert (1_000, 2_333, 666, 20) == (first.balance_minor, first.channel_minor, first.coupon_minor, first.fee_minor)


@pytest.mark.parametrize("amount_minor", [0, -1, 10_001])
def test_above_what_is_left_is_refused(amount_minor: int) -> None:
    """The caller has asked for the impossible."""
    with pytest.raises(ValueError, match="left"):
        next_shares(THIRDS, Shares(), amount_minor)


@pytest.mark.parametrize(("fee_minor", "fixed_minor", "returned_minor"), [(160, 100, 60), (60, 100, 0), (60, 0, 60)])
def test_the_fixed_part_of_a_fee_stays(fee_minor: int, fixed_minor: int, returned_minor: int) -> None:
    """Only the proportional part goes back."""
    assert returned_minor == returnable_fee_minor(fee_minor, fixed_minor)


@st.composite
def _payments(draw: st.DrawFn) -> tuple[Paid, list[tuple[int, bool]]]:
    paid_minor = draw(st.integers(1, 100_000))
    paid = Paid(
        paid_minor=paid_minor,
        balance_minor=draw(st.integers(0, paid_minor)),
        coupon_minor=draw(st.integers(0, 100_000)),
        fee_minor=draw(st.integers(0, paid_minor)),
    )
    return paid, draw(st.lists(st.tuples(st.integers(1, paid_minor), st.booleans()), max_size=12))


@given(_payments())
def test_refunds_that_fail_in_between_leave_nothing_over(case: tuple[Paid, list[tuple[int, bool]]]) -> None:
    """Whatever order, whichever fail: no part is negative or above what its tool has left, and the last one empties."""
    paid, asked = case
    kept: list[Shares] = []
    for amount_minor, succeeds in asked:
        left_minor = paid.paid_minor - _sum(kept).amount_minor
        if amount_minor <= left_minor:
            one = next_shares(paid, _sum(kept), amount_minor)
            assert min(one.balance_minor, one.channel_minor, one.coupon_minor, one.fee_minor) >= 0
            kept += [one] if succeeds else []
    left_minor = paid.paid_minor - _sum(kept).amount_minor
    kept += [next_shares(paid, _sum(kept), left_minor)] if left_minor else []
    total = _sum(kept)
    assert (paid.balance_minor, paid.channel_minor) == (total.balance_minor, total.channel_minor)
    assert (paid.coupon_minor, paid.fee_minor) == (total.coupon_minor, total.fee_minor)
