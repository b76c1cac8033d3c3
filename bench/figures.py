"""One line of a report: a figure beside what it aims at."""

from dataclasses import dataclass

HEAD = ("", "figure", "aim", "holds")
ROUND_FROM = 1_000


@dataclass(frozen=True)
class Figure:
    """One line; `aim` is a bound from above unless `at_least`. None: not measured, or nothing to aim at."""

    name: str
    value: float | None
    unit: str
    aim: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the aim is met; None where there is none, or no figure."""
        if self.aim is None or self.value is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    def row(self) -> tuple[str, str, str, str]:
        """For the table."""
        value = "-" if self.value is None else f"{short(self.value)} {self.unit}".rstrip()
        aim = "" if self.aim is None else f"{'≥' if self.at_least else '≤'} {short(self.aim)}"
        return self.name, value, aim, {None: "", True: "yes", False: "no"}[self.holds]


def short(value: float) -> str:
    """As many digits as a person reads: 1,234 · 45.6 · 0.27 · 3."""
    if value == round(value) or abs(value) >= ROUND_FROM:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 2 else f"{value:.1f}"  # noqa: PLR2004 - ratios show two digits
