"""The machine's processes, read from the kernel: for questions that the supervisor must not answer about itself."""

from pathlib import Path

PROC = Path("/proc")


def running() -> dict[int, int]:
    """Each live process and its parent; what has ended and only waits to be collected does not count."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            state, parent = _state_and_parent(entry)
            if state not in {"", "Z"}:
                found[int(entry.name)] = parent
    return found


def descendants(pid: int) -> list[int]:
    """Every process below that one."""
    parents = running()
    found, next_ones = [], [pid]
    while next_ones:
        next_ones = [child for child, parent in parents.items() if parent in next_ones]
        found += next_ones
    return found


def command_line(pid: int) -> str:
    """Its command, words joined by blanks; empty when it has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _state_and_parent(entry: Path) -> tuple[str, int]:
    try:
        words = (entry / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    return words[0], int(words[1])
