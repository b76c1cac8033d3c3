"""A process whose clock is wrong decides nothing by it."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from chaos.clocks import Clocks
from tests.support.centre import Centre
from tests.support.servers import ROOT
from tests.support.shop import Shop

HOUR_S = 3_600
ATTEMPT = text("SELECT state, next_check_at FROM attempt WHERE out_no = :out_no")


def told(clocks: Clocks, *arguments: str) -> tuple[float, float]:
    """The wall clock and the monotonic clock of a process of ours, when it has done what it was asked."""
    environment = os.environ | clocks.variables("worker") | {"PYTHONPATH": str(ROOT)}
    asked = [sys.executable, str(Path(__file__).with_name("skewed.py")), *arguments]
    said = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    wall, monotonic = map(float, said.split())
    return wall, monotonic


def test_a_clock_that_was_moved_is_wrong_and_nothing_else_is(clocks: Clocks) -> None:
    """Right at first, then ahead, then right again; what measures spans of time is never touched."""
    errors = []
    for ahead_s in (0, HOUR_S, -HOUR_S):
        clocks.move("worker", ahead_s)
        wall, monotonic = told(clocks)
        errors.append(round((wall - time.time()) / HOUR_S))
        assert monotonic < time.monotonic()
    clocks.right()
    assert [0, 1, -1, 0] == [*errors, round((told(clocks)[0] - time.time()) / HOUR_S)]


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
async def test_a_wrong_clock_neither_proves_an_expiry_nor_puts_off_a_question(
    centre: Centre, clocks: Clocks, ahead_s: int
) -> None:
    """The order can still be paid, whatever a worker takes the time for, and is asked about in seconds (law 5)."""
    shop = await Shop.open(centre, close_proof="after_expiry")
    made = await shop.pay()
    await shop.until(made["id"], "awaiting_payer")
    clocks.move("worker", ahead_s)
    told(clocks, centre.settings.require_database_url(), made["out_no"])
    assert centre.parts is not None
    async with centre.parts.database.reading() as session:
        state, next_check_at = (await session.execute(ATTEMPT, {"out_no": made["out_no"]})).one()
    assert "waiting" == state
    assert abs(next_check_at - datetime.now(UTC)) < timedelta(minutes=2)
