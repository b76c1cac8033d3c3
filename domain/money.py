"""Money is an integer count of minor units and a currency; nothing else is ever called money (law 1)."""

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

AMOUNT_MINOR_MAX = 99_999_999_999


class Currency(StrEnum):
    """The currencies that accounts and payments may carry, as ISO 4217 codes."""

    CNY = "CNY"
    USD = "USD"
    EUR = "EUR"
    HKD = "HKD"
    JPY = "JPY"

    @property
    def exponent(self) -> int:
        """The number of decimal digits of the major unit (ISO 4217)."""
        return 0 if self is Currency.JPY else 2


AmountMinor = Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MINOR_MAX)]
NonNegativeMinor = Annotated[int, Field(strict=True, ge=0, le=AMOUNT_MINOR_MAX)]


class Money(BaseModel):
    """An amount in minor units of one currency; sums and differences exist only inside that currency."""

    model_config = ConfigDict(frozen=True)

    amount_minor: Annotated[int, Field(strict=True)]
    currency: Currency

    def __add__(self, other: Self) -> Self:
        """The sum; ValueError when the currencies differ."""
        self._require_same_currency(other)
        return self.model_copy(update={"amount_minor": self.amount_minor + other.amount_minor})

    def __sub__(self, other: Self) -> Self:
        """The difference; ValueError when the currencies differ."""
        self._require_same_currency(other)
        return self.model_copy(update={"amount_minor": self.amount_minor - other.amount_minor})

    def to_major_text(self) -> str:
        """The amount in major units as channels that speak yuan strings write it, such as `12.30`."""
        return f"{Decimal(self.amount_minor).scaleb(-self.currency.exponent):.{self.currency.exponent}f}"

    @classmethod
    def from_major_text(cls, text: str, currency: Currency) -> Self:
        """Money from a string in major units; ValueError for more digits than the currency has."""
        minor = Decimal(text).scaleb(currency.exponent)
        if minor != minor.to_integral_value():
            raise ValueError(f"{text!r} has more digits than {currency} carries")
        return cls(amount_minor=int(minor), currency=currency)

    def _require_same_currency(self, other: Self) -> None:
        if self.currency is not other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added")


def half_up(numerator: int, denominator: int) -> int:
    """The quotient rounded half up to a whole minor unit; both arguments are non-negative integers."""
    return int((Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
