"""Quantiles of what was measured, without interpolation: each is a value that occurred."""

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Latency(BaseModel):
    """Milliseconds of many calls; zero calls have no figures."""

    model_config = ConfigDict(frozen=True)

    count: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> "Latency":
        """The figures of these values, in any order."""
        return cls(
            count=len(values_ms),
            p50_ms=quantile(values_ms, 0.50),
            p99_ms=quantile(values_ms, 0.99),
            max_ms=quantile(values_ms, 1),
        )


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all values does not exceed; None of none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
