"""A merchant's rule: what contradicts itself is refused, and what is accepted admits something."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.errors import RuleContradiction
from domain.fees import BASIS_POINTS
from domain.money import AMOUNT_MINOR_MAX
from domain.rules import BALANCE, OperationRule, require_consistent
from domain.states import Operation

CHANNELS = frozenset({"sim", "alipay"})


def _wrong(operation: str, **fields: Any) -> dict[str, str]:  # noqa: ANN401
    try:
        require_consistent(Operation(operation), OperationRule.model_validate(fields), channels=CHANNELS)
    except RuleContradiction as contradiction:
        return contradiction.fields
    return {}


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        ("payment", {}),
        ("payment", {"minimum_minor": 100, "maximum_minor": 100, "daily_minor": 100, "daily_per_account_minor": 100}),
        ("payment", {"tools": ["sim", "balance"]}),
        ("top_up", {"tools": ["sim"], "fee": {"rate_bps": 60}}),
        ("payout", {"minimum_minor": 101, "fee": {"fixed_minor": 100, "cap_minor": 100}, "approval_above_minor": 500}),
        ("refund", {"debt_limit_minor": 5_000, "approval_above_minor": 99, "maximum_minor": 100}),
        ("transfer", {"tools": ["balance"], "minimum_minor": 10, "fee": {"fixed_minor": 9}}),
    ],
)
def test_a_rule_that_some_amount_can_satisfy_is_accepted(operation: str, rule: dict[str, Any]) -> None:
    """Bounds may touch each other."""
    assert {} == _wrong(operation, **rule)


@pytest.mark.parametrize(
    ("operation", "rule", "fields"),
    [
        ("payment", {"minimum_minor": 101, "maximum_minor": 100}, {"maximum_minor"}),
        ("payment", {"minimum_minor": 101, "daily_minor": 100}, {"daily_minor"}),
        ("payment", {"minimum_minor": 101, "daily_per_account_minor": 100}, {"daily_per_account_minor"}),
        ("payment", {"daily_minor": 100, "daily_per_account_minor": 101}, {"daily_per_account_minor"}),
        ("payment", {"tools": []}, {"tools"}),
        ("payment", {"tools": ["sim", "sim"]}, {"tools"}),
        ("payment", {"tools": ["sim", "nowhere"]}, {"tools"}),
        ("top_up", {"tools": ["sim", "balance"]}, {"tools"}),
        ("payout", {"tools": ["balance"]}, {"tools"}),
        ("transfer", {"tools": ["sim"]}, {"tools"}),
        ("payment", {"fee": {"rate_bps": 60}}, {"fee"}),
        ("refund", {"fee": {"fixed_minor": 1}}, {"fee"}),
        ("payout", {"minimum_minor": 900, "fee": {"fixed_minor": 30, "cap_minor": 20}}, {"fee.cap_minor"}),
        ("payout", {"minimum_minor": 100, "fee": {"fixed_minor": 101}}, {"fee"}),
        ("payout", {"minimum_minor": 100, "fee": {"fixed_minor": 100}}, {"fee"}),
        ("top_up", {"fee": {"fixed_minor": 1}}, {"fee"}),
        ("top_up", {"fee": {"rate_bps": 5_000}}, {"fee"}),
        ("payment", {"approval_above_minor": 100}, {"approval_above_minor"}),
        ("payout", {"approval_above_minor": 100, "maximum_minor": 100}, {"approval_above_minor"}),
        ("payout", {"debt_limit_minor": 1}, {"debt_limit_minor"}),
        ("top_up", {"maximum_minor": 9, "minimum_minor": 10, "tools": []}, {"maximum_minor", "tools"}),
    ],
)
def test_a_contradiction_is_named_by_its_fields(operation: str, rule: dict[str, Any], fields: set[str]) -> None:
    """Each field that could never be satisfied, all of them at once."""
    assert fields == _wrong(operation, **rule).keys()


@pytest.mark.parametrize("rule", [{"minimum_minor": 0}, {"maximum_minor": 1.5}, {"tools": ["SIM"]}, {"limit": 1}])
def test_a_field_out_of_range_is_refused(rule: dict[str, Any]) -> None:
    """Amounts are whole minor units above zero, and a field that nobody knows limits nothing."""
    with pytest.raises(ValidationError):
        OperationRule.model_validate(rule)


#: Small amounts meet each other's edges; large ones meet those of the type.
_amounts = st.one_of(st.none(), st.integers(1, 40), st.integers(1, AMOUNT_MINOR_MAX))
_fees = st.fixed_dictionaries(
    {
        "rate_bps": st.integers(0, BASIS_POINTS),
        "fixed_minor": st.integers(0, 20),
        "cap_minor": st.one_of(st.none(), st.integers(0, 40)),
    }
)
_rules = st.fixed_dictionaries(
    {},
    optional={
        "minimum_minor": _amounts,
        "maximum_minor": _amounts,
        "daily_minor": _amounts,
        "daily_per_account_minor": _amounts,
        "fee": _fees,
        "tools": st.one_of(st.none(), st.lists(st.sampled_from(["sim", "alipay", BALANCE, "nowhere"]), max_size=3)),
    },
)


@given(st.sampled_from(Operation), _rules)
def test_what_is_accepted_admits_an_amount(operation: Operation, fields: dict[str, Any]) -> None:
    """The smallest amount passes every bound, some way is left for it, and so is some of it."""
    rule = OperationRule.model_validate(fields)
    if _wrong(operation, **fields):
        return
    smallest_minor = rule.minimum_minor or 1
    bounds = (rule.maximum_minor, rule.daily_minor, rule.daily_per_account_minor)
    assert all(smallest_minor <= bound_minor for bound_minor in bounds if bound_minor is not None)
    assert rule.tools is None or set(rule.tools) & (CHANNELS | {BALANCE})
    assert 0 <= rule.fee.fee_minor(smallest_minor) < smallest_minor


@given(_fees, st.integers(1, 60), st.integers(0, 200))
def test_a_fee_that_is_accepted_leaves_something_of_every_amount(
    fee: dict[str, Any], minimum_minor: int, above_minor: int
) -> None:
    """What holds for the smallest amount holds for all that are larger, however they are rounded."""
    rule = OperationRule.model_validate({"minimum_minor": minimum_minor, "fee": fee})
    if not _wrong("payout", minimum_minor=minimum_minor, fee=fee):
        amount_minor = minimum_minor + above_minor
        assert rule.fee.fee_minor(amount_minor) < amount_minor
