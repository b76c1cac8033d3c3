"""From figures to pixels, and the round figures that an axis names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Figures from `low` to `high` lie between two pixels; `logarithmic` ones by their order of magnitude."""

    low: float
    high: float
    first: float
    last: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The pixel of a figure; one that is outside lies at the edge."""
        inside = min(max(value, self.low), self.high)
        return self.first + (self.last - self.first) * self._share(inside)

    def ticks(self) -> Sequence[float]:
        """Round figures within the scale: 1, 2 and 5 of each magnitude, or about six even ones."""
        if self.logarithmic:
            magnitudes = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [step * 10.0**magnitude for magnitude in magnitudes for step in (1, 2, 5)]
        else:
            step = _step((self.high - self.low) / 6)
            found = [step * number for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [tick for tick in found if self.low <= tick <= self.high * 1.000_001]

    def _share(self, value: float) -> float:
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def _step(least: float) -> float:
    """The next round step that is not below."""
    magnitude = 10.0 ** math.floor(math.log10(least))
    return next(step * magnitude for step in _STEPS if step * magnitude >= least)
