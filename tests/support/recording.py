"""Adds to the kept histories what a recording adds to them: one history for each path that none of them takes.

python -m tests.support.recording FOLDER
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from temporalio.client import WorkflowHistory

from tests.support.histories import RECORDED, recorded
from tests.support.replayed import left_over, lines_of, steps_in


async def add(folder: Path) -> list[str]:
    """The names of the histories of the folder that are kept now; the one that adds most is the first."""
    seen = await _told(recorded())
    found = {history.workflow_id: await _told([history]) for history in recorded(folder)}
    kept = []
    while name := max(found, key=lambda one: len(found[one] - seen), default=None):
        if found[name] <= seen:
            break
        seen |= found.pop(name)
        kept.append(_copied(folder, name))
    return kept


async def _told(histories: Sequence[WorkflowHistory]) -> frozenset[tuple[str, int]]:
    """The lines that they run, and the steps that stand in them."""
    return await lines_of(histories) | {(step, 0) for step in steps_in(histories)}


def _copied(folder: Path, name: str) -> str:
    """Under a name that is free: what was recorded before stays, because such payments may still be open."""
    target, number = RECORDED / f"{name}.json", 1
    while target.exists():
        number += 1
        target = RECORDED / f"{name}-again-{number}.json"
    target.write_text((folder / f"{name}.json").read_text())
    return target.stem


async def _main(folder: Path) -> None:
    for name in await add(folder):
        print(f"kept      {name}")  # noqa: T201 - what the command tells
    for statement in left_over(await lines_of(recorded())):
        print(f"left over {statement}")  # noqa: T201 - the same


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
