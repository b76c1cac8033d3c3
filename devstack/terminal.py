import sys
import time
from collections.abc import Sequence


class Terminal:
    """Short lines for the person who started the stack. A terminal that was closed meanwhile is no error."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """The text stands on a line of its own."""
        try:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        except (OSError, ValueError):  # closed: nobody reads any more, and stopping must go on
            return

    def step(self, text: str) -> None:
        """The text, with the seconds since the start before it."""
        self.say(f"{time.monotonic() - self._started:6.1f} s  {text}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, with a rule under the head."""
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]
    rule = ["-" * width for width in widths]
    lines = [head, rule, *rows]
    return "\n".join("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines)
