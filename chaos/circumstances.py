"""When, of what and on what a seed was run: kept with its result, because the page may be made much later."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parents[1]
NO_DISK = "A full disk: it needs a file system of its own for PostgreSQL, which this user or machine may not mount."
NO_CLOCKS = "Wrong clocks of our own processes: they need a C compiler (`cc`), and there was none."


class Circumstances(BaseModel):
    """`lacking` has what could not be done to this stack, as sentences."""

    model_config = ConfigDict(frozen=True)

    day: str = "unknown"
    commit: str = "unknown"
    machine: str = "unknown"
    lacking: tuple[str, ...] = ()

    @classmethod
    def now(cls, *, disk: bool, clocks: bool) -> "Circumstances":
        """Today, what is checked out, and this machine; whether disks can be full, and clocks wrong."""
        lacking = [said for said, there in ((NO_DISK, disk), (NO_CLOCKS, clocks)) if not there]
        day = datetime.now(UTC).date().isoformat()
        return cls(day=day, commit=_commit(), machine=_machine(), lacking=tuple(lacking))


def _commit() -> str:
    """The commit that is checked out, with a mark where files differ from it."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        ran = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return ran.stdout.strip() or "unknown"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cores} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )
