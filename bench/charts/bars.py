"""Bars that lie, so that their names can be read: stacked from parts, or several for each name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.charts.scales import Scale
from bench.charts.svg import CHARACTER, COLOURS, FAINT, Drawing, legend_lines
from bench.figures import short

WIDTH = 760
TOP, BAR, GAP, FOOT, RIGHT = 40, 22, 10, 54, 80
NARROW = 13


@dataclass(frozen=True)
class Bars:
    """One name and its parts, by their own names."""

    name: str
    parts: Mapping[str, float]


def stacked_bars(title: str, unit: str, bars: Sequence[Bars]) -> str:
    """An SVG document: each bar is the sum of its parts, and names the sum."""
    names = _part_names(bars)
    chart = _Chart(title, unit, bars, height=BAR, highest=max(sum(one.parts.values()) for one in bars))
    for number, one in enumerate(bars):
        top, left = chart.name(number, one.name), chart.across.first
        for part, value in one.parts.items():
            right = left + chart.across.at(value) - chart.across.first
            chart.drawing.rectangle(left, top, size=(right - left, BAR), colour=_colour(names, part))
            left = right
        chart.drawing.text(left + 6, top + BAR - 6, f"{short(sum(one.parts.values()))} {unit}")
    return chart.finish(names)


def grouped_bars(title: str, unit: str, bars: Sequence[Bars]) -> str:
    """An SVG document: for each name one bar a part, one below the other, each with its figure."""
    names = _part_names(bars)
    height = NARROW * len(names)
    chart = _Chart(title, unit, bars, height=height, highest=max(max(one.parts.values()) for one in bars))
    for number, one in enumerate(bars):
        top = chart.name(number, one.name)
        for place, part in enumerate(names):
            if (value := one.parts.get(part)) is not None:
                width = chart.across.at(value) - chart.across.first
                lower = top + NARROW * place
                size = (width, NARROW - 2)
                chart.drawing.rectangle(chart.across.first, lower, size=size, colour=_colour(names, part))
                chart.drawing.text(chart.across.first + width + 6, lower + NARROW - 3, f"{short(value)} {unit}")
    return chart.finish(names)


class _Chart:
    """The frame of one chart of bars: title, names to the left, a grid, and the legend below."""

    def __init__(self, title: str, unit: str, bars: Sequence[Bars], *, height: float, highest: float) -> None:
        left = 16 + CHARACTER * max(len(one.name) for one in bars)
        self._step = height + GAP
        self._middle = height / 2 + 4
        self._bottom = TOP + self._step * len(bars)
        foot = FOOT + 20 * legend_lines(_part_names(bars), WIDTH - left)
        self.drawing = Drawing(WIDTH, self._bottom + foot)
        self.across = Scale(0, highest * 1.02 or 1, left, WIDTH - RIGHT)
        self.drawing.text(8, 22, title, bold=True)
        for tick in self.across.ticks():
            x = self.across.at(tick)
            self.drawing.line([(x, TOP - 4), (x, self._bottom)], colour=FAINT)
            self.drawing.text(x, self._bottom + 16, short(tick), anchor="middle")
        self.drawing.text(WIDTH - RIGHT + 10, self._bottom + 16, unit)

    def name(self, number: int, name: str) -> float:
        """The bar has its name; answers where its top is."""
        top = TOP + self._step * number
        self.drawing.text(self.across.first - 8, top + self._middle, name, anchor="end")
        return top

    def finish(self, names: Sequence[str]) -> str:
        """The document, with its legend where there is something to tell apart."""
        if len(names) > 1:
            self.drawing.legend(names, self.across.first, self._bottom + FOOT - 8)
        return self.drawing.svg()


def _part_names(bars: Sequence[Bars]) -> list[str]:
    """In the order in which they come first."""
    return list(dict.fromkeys(part for one in bars for part in one.parts))


def _colour(names: Sequence[str], part: str) -> str:
    return COLOURS[names.index(part) % len(COLOURS)]
