"""Lines over an axis of figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.charts.scales import Scale
from bench.charts.svg import COLOURS, FAINT, INK, Drawing, legend_lines
from bench.figures import short

WIDTH, PLOT_HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 50


@dataclass(frozen=True)
class Series:
    """Points of one line, from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """What the two axes are called."""

    across: str
    up: str


def line_chart(title: str, axes: Axes, series: Sequence[Series]) -> str:
    """An SVG document; upwards by orders of magnitude, because a queue that grows knows no bound."""
    names = [one.name for one in series]
    foot = 20 * legend_lines(names, WIDTH - LEFT)
    drawing = Drawing(WIDTH, TOP + PLOT_HEIGHT + BOTTOM + foot)
    points = [point for one in series for point in one.points]
    across = Scale(0, max(x for x, _ in points) * 1.05, LEFT, WIDTH - RIGHT)
    lowest, highest = min(y for _, y in points), max(y for _, y in points)
    up = Scale(lowest * 0.8, highest * 1.25, TOP + PLOT_HEIGHT, TOP, logarithmic=True)
    drawing.text(LEFT, 22, title, bold=True)
    _grid(drawing, across, up, axes)
    for number, one in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        placed = [(across.at(x), up.at(y)) for x, y in one.points]
        drawing.line(placed, colour=colour, width=2)
        for x, y in placed:
            drawing.dot(x, y, colour=colour)
    drawing.legend(names, LEFT, TOP + PLOT_HEIGHT + BOTTOM + 8)
    return drawing.svg()


def _grid(drawing: Drawing, across: Scale, up: Scale, axes: Axes) -> None:
    for tick in up.ticks():
        drawing.line([(across.first, up.at(tick)), (across.last, up.at(tick))], colour=FAINT)
        drawing.text(across.first - 8, up.at(tick) + 4, short(tick), anchor="end")
    for tick in across.ticks():
        drawing.line([(across.at(tick), up.first), (across.at(tick), up.first + 5)], colour=INK)
        drawing.text(across.at(tick), up.first + 19, short(tick), anchor="middle")
    drawing.line([(across.first, up.first), (across.last, up.first)], colour=INK)
    drawing.text((across.first + across.last) / 2, up.first + 38, axes.across, anchor="middle")
    drawing.text(across.last, TOP - 8, axes.up, anchor="end")
