"""Tests that cannot fail prove nothing: each breakage is made in a copy of the tree, and a test there must see it."""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.mutants.breakages import BREAKAGES, Breakage
from tests.tidy.tree import PRODUCT, ROOT

COPIED = (*PRODUCT, "devstack", "tests", "pyproject.toml")
AT_ONCE = 2
PASSED, CAUGHT = "passed", "caught"


async def test_every_breakage_is_caught(tmp_path: Path) -> None:
    """The chosen tests pass on the tree as it is, and each of them fails when its rule is broken."""
    room = asyncio.Semaphore(AT_ONCE)
    chosen = sorted({f"{one.test_file}::{one.test}" for one in BREAKAGES})
    ends = [_end_of(_copy(tmp_path / "whole"), chosen, room)]
    ends += [
        _end_of(_broken(tmp_path / str(n), one), [f"{one.test_file}::{one.test}"], room)
        for n, one in enumerate(BREAKAGES)
    ]
    whole, *broken = await asyncio.gather(*ends)
    assert PASSED == whole
    assert {one.name: CAUGHT for one in BREAKAGES} == dict(zip((one.name for one in BREAKAGES), broken, strict=True))


def test_a_breakage_that_no_longer_fits_says_so() -> None:
    """A rewritten file must not turn the breakage into none."""
    with pytest.raises(ValueError, match="0 times"):
        BREAKAGES[0].apply("")


def _copy(folder: Path) -> Path:
    folder.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)  # with what is compiled already
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def _broken(folder: Path, breakage: Breakage) -> Path:
    path = _copy(folder) / breakage.file
    path.write_text(breakage.apply(path.read_text()))
    return folder


async def _end_of(folder: Path, tests: Sequence[str], room: asyncio.Semaphore) -> str:
    """How pytest ended there, or all that it said; it has the session's servers and nothing else of the suite."""
    plugins = ("pytest_asyncio.plugin", "tests.mutants.session_servers", "no:cacheprovider")
    options = ["-x", "--noconftest", *(part for name in plugins for part in ("-p", name))]
    async with room:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "pytest", *options, *tests),
            cwd=folder,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await child.communicate())[0].decode()
    if child.returncode == 0:
        return PASSED
    return CAUGHT if f"FAILED {tests[0]}" in said else said
