"""Law 1: money is whole minor units of one currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.money import AMOUNT_MINOR_MAX, Currency, Money, half_up

amounts = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)
currencies = st.sampled_from(Currency)


@pytest.mark.parametrize("amount", [1.0, "1", Decimal(1), True, None])
def test_nothing_but_an_integer_is_an_amount(amount: object) -> None:
    """A float, a string or a boolean never becomes money."""
    with pytest.raises(ValidationError):
        Money.model_validate({"amount_minor": amount, "currency": "CNY"})


@given(amounts, amounts, currencies)
def test_a_sum_less_a_part_is_the_other_part(first: int, second: int, currency: Currency) -> None:
    """Addition and subtraction undo each other, exactly."""
    one, other = Money(amount_minor=first, currency=currency), Money(amount_minor=second, currency=currency)
    assert one == one + other - other
    assert first + second == (one + other).amount_minor


def test_currencies_are_never_added() -> None:
    """A sum over two currencies has no meaning."""
    yuan, dollars = (Money(amount_minor=1, currency=currency) for currency in (Currency.CNY, Currency.USD))
    with pytest.raises(ValueError, match="cannot be added"):
        yuan + dollars
    with pytest.raises(ValueError, match="cannot be added"):
        yuan - dollars


@given(amounts, currencies)
def test_major_text_comes_back_as_the_same_money(amount_minor: int, currency: Currency) -> None:
    """What we write for a channel that speaks major units is what we read from it."""
    money = Money(amount_minor=amount_minor, currency=currency)
    assert money == Money.from_major_text(money.to_major_text(), currency)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (1_230, Currency.CNY, "12.30"),
        (5, Currency.USD, "0.05"),
        (-5, Currency.EUR, "-0.05"),
        (1_230, Currency.JPY, "1230"),
        (AMOUNT_MINOR_MAX, Currency.CNY, "999999999.99"),
    ],
)
def test_major_text_has_exactly_the_digits_of_the_currency(amount_minor: int, currency: Currency, text: str) -> None:
    """Two for yuan, none for yen; never an exponent."""
    assert text == Money(amount_minor=amount_minor, currency=currency).to_major_text()


@pytest.mark.parametrize(("text", "currency"), [("1.234", Currency.CNY), ("1.5", Currency.JPY)])
def test_text_with_too_many_digits_is_refused(text: str, currency: Currency) -> None:
    """Nothing is rounded away in silence."""
    with pytest.raises(ValueError, match="more digits"):
        Money.from_major_text(text, currency)


@given(st.integers(0, 10_000 * AMOUNT_MINOR_MAX), st.integers(1, 1_000_000))
def test_half_up_is_the_nearest_whole_number(numerator: int, denominator: int) -> None:
    """The half itself goes up; integers decide it, so that large amounts lose no digit."""
    assert (2 * numerator + denominator) // (2 * denominator) == half_up(numerator, denominator)
