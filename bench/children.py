"""Waiting for processes without standing in the way of Ctrl-C."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from devstack.child import Child

LOOK_EVERY_S = 0.05


async def until_ended(child: Child) -> None:
    """It ended well. Raises `ChildError` with the end of its log."""
    await until(lambda: not child.alive)
    if child.exit_code:
        raise child.failure(child.ending())


async def until_there(child: Child, file: Path) -> None:
    """The process has made the file. Raises `ChildError` when it ended instead."""
    await until(lambda: file.exists() or not child.alive)
    if not child.alive:
        raise child.failure(child.ending())


async def until(holds: Callable[[], bool]) -> None:
    """It holds: other processes tell nobody when it begins to."""
    while not holds():
        await asyncio.sleep(LOOK_EVERY_S)
