"""What a business asked for adds up, or is refused before anything happens."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.orders import PaymentOrder

line = st.fixed_dictionaries(
    {"sku": st.just("tea"), "quantity": st.integers(1, 1_000), "unit_price_minor": st.integers(1, 100_000)}
)


def _order(**fields: Any) -> PaymentOrder:  # noqa: ANN401
    return PaymentOrder.model_validate(
        {"order_no": "order-1", "amount_minor": 100, "currency": "CNY", "subject": "Tea", **fields}
    )


@given(st.lists(line, min_size=1, max_size=5), st.integers(0, 10_000), st.integers(-2, 2))
def test_lines_and_shipping_equal_the_amount(lines: list[dict[str, Any]], shipping_minor: int, off_minor: int) -> None:
    """One minor unit more or less does not add up."""
    sum_minor = sum(one["quantity"] * one["unit_price_minor"] for one in lines) + shipping_minor
    amount_minor = max(sum_minor + off_minor, 1)
    order = _order(lines=lines, shipping_minor=shipping_minor, amount_minor=amount_minor)
    assert (amount_minor == sum_minor) == order.adds_up()


@given(st.integers(1, 1_000_000), st.integers(0, 1_000_000))
def test_the_balance_part_is_within_the_amount(amount_minor: int, balance_minor: int) -> None:
    """The channel's part is what remains, and never negative."""
    order = _order(amount_minor=amount_minor, balance_minor=balance_minor)
    assert (balance_minor <= amount_minor) == order.adds_up()
    assert amount_minor == order.balance_minor + order.channel_minor


def test_an_order_without_lines_needs_only_an_amount() -> None:
    """Without lines there is no stock to sum."""
    assert _order(shipping_minor=30).adds_up()


@pytest.mark.parametrize(
    "fields",
    [
        {"amount_minor": 0},
        {"amount_minor": 100_000_000_000},
        {"amount_minor": 1.5},
        {"balance_minor": -1},
        {"currency": "XXX"},
        {"lines": [{"sku": "tea", "quantity": 0, "unit_price_minor": 1}]},
        {"colour": "green"},
    ],
)
def test_an_order_out_of_range_never_becomes_one(fields: dict[str, object]) -> None:
    """Minor units are whole and within bounds, and an unknown field is refused."""
    with pytest.raises(ValidationError):
        _order(**fields)


def test_the_payers_code_is_never_printed() -> None:
    """Law 14: a log line that holds an order holds no secret."""
    assert "28pay0001" not in repr(_order(payer={"auth_code": "28pay0001"}))
