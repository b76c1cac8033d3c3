"""`make verify`: a table or JSON, and an exit code that a machine can act on."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from activities.verification import invariants
from tests.verify.conftest import Scene

ROOT = Path(__file__).parents[2]


async def _verify(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the command, as an operator runs it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAYSAGA_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "verify.py", *arguments),
        cwd=ROOT,
        env=inherited | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


def _database(scene: Scene) -> dict[str, str]:
    return {"PAYSAGA_DATABASE_URL": scene.shop.centre.addresses.database_url}


async def test_a_sound_book_is_told_rule_by_rule_and_ends_with_0(scene: Scene) -> None:
    """Number, rows, time and what holds, one line each."""
    code, output, _ = await _verify(**_database(scene))
    lines = [line for line in output.splitlines() if "  ok   " in line]
    assert (0, len(invariants())) == (code, len(lines))
    assert "all hold; everything" in output


async def test_a_broken_rule_shows_its_rows_and_ends_with_1(scene: Scene, lost_key: str) -> None:
    """The row names the object that somebody has to look at."""
    code, output, _ = await _verify(**_database(scene))
    assert (1, True, True) == (code, " 22      1" in output, lost_key in output)


async def test_json_has_every_row_whole(scene: Scene, lost_key: str) -> None:
    """For machines: the same verdicts with all rows."""
    code, output, _ = await _verify("--json", **_database(scene))
    said = {one["number"]: one["rows"] for one in json.loads(output)["invariants"]}
    assert (1, [lost_key]) == (code, [row["object_id"] for row in said[22]])


@pytest.mark.usefixtures("lost_key")
async def test_since_leaves_out_what_did_not_change(scene: Scene) -> None:
    """A time, or the last sealed day."""
    code, output, _ = await _verify("--since", "2999-01-01T00:00:00Z", **_database(scene))
    assert (0, True) == (code, "what changed since 2999-01-01" in output)
    assert 1 == (await _verify("--since", "last-seal", **_database(scene)))[0]


async def test_without_a_database_it_ends_with_2(scene: Scene, tmp_path: Path) -> None:
    """Nothing was asked, so nothing is told to hold; a time that is none is the same."""
    code, _, errors = await _verify(PAYSAGA_HOME=str(tmp_path))
    assert (2, True) == (code, "PAYSAGA_DATABASE_URL is not set" in errors)
    assert 2 == (await _verify("--since", "yesterday", **_database(scene)))[0]


async def test_it_finds_the_stack_that_runs(scene: Scene, tmp_path: Path) -> None:
    """Without a variable it asks the database of `make up`."""
    url = scene.shop.centre.addresses.database_url
    (tmp_path / "demo.json").write_text(json.dumps({"database_url": url}))
    assert 0 == (await _verify(PAYSAGA_HOME=str(tmp_path)))[0]
