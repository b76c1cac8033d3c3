"""The merchant's fee: half-up(rate × amount) + fixed, capped, never above the amount."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.errors import FeeAboveAmount
from domain.fees import BASIS_POINTS, FeeRule
from domain.money import AMOUNT_MINOR_MAX

rates = st.integers(0, BASIS_POINTS)
amounts = st.integers(1, AMOUNT_MINOR_MAX)
minors = st.integers(0, AMOUNT_MINOR_MAX)


@pytest.mark.parametrize(
    ("rule", "amount_minor", "fee_minor"),
    [
        ({"rate_bps": 60}, 10_000, 60),
        ({"rate_bps": 60}, 83, 0),  # 0.498
        ({"rate_bps": 50}, 100, 1),  # exactly a half
        ({"rate_bps": 60}, 250, 2),  # 1.5
        ({"rate_bps": 60, "fixed_minor": 30}, 10_000, 90),
        ({"rate_bps": 60, "fixed_minor": 30, "cap_minor": 80}, 10_000, 80),
        ({"cap_minor": 0, "rate_bps": 60}, 10_000, 0),
        ({}, 10_000, 0),
        ({"rate_bps": BASIS_POINTS}, 10_000, 10_000),
    ],
)
def test_the_fee_is_what_the_contract_says(rule: dict[str, int], amount_minor: int, fee_minor: int) -> None:
    """The examples of a contract, to the minor unit."""
    assert fee_minor == FeeRule(**rule).fee_minor(amount_minor)


@given(rates, amounts)
def test_the_rate_is_rounded_half_up(rate_bps: int, amount_minor: int) -> None:
    """The fee is within half a minor unit of the exact product, and a half goes up."""
    error = 2 * (BASIS_POINTS * FeeRule(rate_bps=rate_bps).fee_minor(amount_minor) - rate_bps * amount_minor)
    assert -BASIS_POINTS < error <= BASIS_POINTS


@given(rates, minors, amounts, minors)
def test_a_cap_is_never_exceeded(rate_bps: int, fixed_minor: int, amount_minor: int, cap_minor: int) -> None:
    """With a cap at or below the amount no fee is refused, and none is above the cap."""
    assume(cap_minor <= amount_minor)
    rule = FeeRule(rate_bps=rate_bps, fixed_minor=fixed_minor, cap_minor=cap_minor)
    assert 0 <= rule.fee_minor(amount_minor) <= cap_minor


@given(rates, minors, amounts)
def test_a_fee_above_the_amount_is_refused(rate_bps: int, fixed_minor: int, amount_minor: int) -> None:
    """The merchant's share is never negative; the refusal compensates."""
    assume(fixed_minor > amount_minor)
    rule = FeeRule(rate_bps=rate_bps, fixed_minor=fixed_minor)
    with pytest.raises(FeeAboveAmount):
        rule.fee_minor(amount_minor)


@pytest.mark.parametrize("rule", [{"rate_bps": -1}, {"rate_bps": BASIS_POINTS + 1}, {"rate_bps": 0.6}, {"rate": 60}])
def test_a_rule_out_of_range_is_refused(rule: dict[str, object]) -> None:
    """A rate is a whole number of basis points, at most all of it."""
    with pytest.raises(ValidationError):
        FeeRule.model_validate(rule)
