"""The wall clocks of our own processes, which jump while they run, as when a time server sets them."""

import shutil
import struct
import subprocess
from collections.abc import Collection
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
_SECONDS = struct.Struct("=q")


class Clocks:
    """One file for each process, mapped into it by a library that its environment loads; `None` of it without `cc`."""

    def __init__(self, folder: Path, names: Collection[str]) -> None:
        self._library = folder / "clock.so"
        self._files = {name: folder / f"clock-{name}" for name in names}

    def build(self) -> None:
        """All clocks are right, and can be moved where the machine has a C compiler."""
        compiler = shutil.which("cc")
        for file in self._files.values():
            file.write_bytes(_SECONDS.pack(0))
        if compiler is not None:
            options = ["-shared", "-fPIC", "-O2", "-o", str(self._library), str(SOURCE), "-ldl"]
            subprocess.run([compiler, *options], check=True)

    @property
    def movable(self) -> bool:
        """Whether they can be wrong at all."""
        return self._library.exists()

    def variables(self, name: str) -> dict[str, str]:
        """What the process of that name is told."""
        if not self.movable:
            return {}
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._files[name])}

    def move(self, name: str, ahead_s: int) -> None:
        """From now on that process reads so many seconds more than it is; less, when it is negative."""
        with self._files[name].open("r+b") as file:
            file.write(_SECONDS.pack(ahead_s))

    def right(self) -> None:
        """Every clock is right again."""
        for name in self._files:
            self.move(name, 0)
