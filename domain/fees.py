"""What a payment costs the merchant: the rule is snapshotted on the payment when it opens."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import FeeAboveAmount
from domain.money import NonNegativeMinor, half_up

BASIS_POINTS = 10_000


class FeeRule(BaseModel):
    """`half-up(rate × amount) + fixed`, capped; rate in basis points, the rest in minor units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate_bps: Annotated[int, Field(strict=True, ge=0, le=BASIS_POINTS)] = 0
    fixed_minor: NonNegativeMinor = 0
    cap_minor: NonNegativeMinor | None = None

    def fee_minor(self, amount_minor: int) -> int:
        """The fee of a payment in minor units; FeeAboveAmount when it would exceed the payment."""
        fee_minor = half_up(self.rate_bps * amount_minor, BASIS_POINTS) + self.fixed_minor
        if self.cap_minor is not None:
            fee_minor = min(fee_minor, self.cap_minor)
        if fee_minor > amount_minor:
            raise FeeAboveAmount(f"the fee {fee_minor} is above the amount {amount_minor}")
        return fee_minor
