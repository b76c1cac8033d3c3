"""Just enough SVG for charts that a person reads on a white or a dark page: shapes, words and a legend."""

from collections.abc import Iterable
from xml.sax.saxutils import escape

#: Told apart by people who see few colours as well (Okabe and Ito), on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8a6d00", "#555555", "#e69f00")
INK, FAINT, PAPER = "#222222", "#d9d9d9", "#ffffff"
FONT = "system-ui, 'DejaVu Sans', sans-serif"
SIZE, SMALL = 14, 12
CHARACTER = 7.0  # a generous width of one character of SMALL


class Drawing:
    """A picture of so many pixels that grows shape by shape."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self._shapes: list[str] = []

    def rectangle(self, left: float, top: float, *, size: tuple[float, float], colour: str) -> None:
        """A filled one."""
        width, height = (max(0.0, one) for one in size)
        self._shapes.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
        )

    def line(self, points: Iterable[tuple[float, float]], *, colour: str, width: float = 1) -> None:
        """Through all points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def dot(self, x: float, y: float, *, colour: str) -> None:
        """A small one."""
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def text(self, x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False) -> None:
        """Words whose base line begins, ends or is centred there (`start`, `end`, `middle`)."""
        size, weight = (SIZE + 1, ' font-weight="600"') if bold else (SMALL, "")
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )

    def legend(self, names: Iterable[str], left: float, top: float) -> None:
        """One coloured square for each name, in as many lines as the width needs."""
        x, y = left, top
        for number, name in enumerate(names):
            width = 26 + len(name) * CHARACTER
            if x + width > self.width and x > left:
                x, y = left, y + 20
            self.rectangle(x, y - 10, size=(12, 12), colour=COLOURS[number % len(COLOURS)])
            self.text(x + 17, y, name)
            x += width

    def svg(self) -> str:
        """The document."""
        frame = f'width="{self.width:.0f}" height="{self.height:.0f}" viewBox="0 0 {self.width:.0f} {self.height:.0f}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="{FONT}" fill="{INK}">'
        paper = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
        return "\n".join([head, paper, *self._shapes, "</svg>\n"])


def legend_lines(names: Iterable[str], width: float) -> int:
    """How many lines the legend takes."""
    lines, x = 1, 0.0
    for name in names:
        taken = 26 + len(name) * CHARACTER
        if x and x + taken > width:
            lines, x = lines + 1, 0.0
        x += taken
    return lines
