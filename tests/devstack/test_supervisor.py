"""One `make up` as the person at the terminal and the machine's other processes see it."""

import os
import signal
import time
from collections.abc import Callable

from tests.devstack.conftest import RUN_STACK, Run
from tests.devstack.processes import descendants, running

Start = Callable[..., Run]
STOP_ORDER = ["api", "worker", "simulator", "Temporal", "PostgreSQL"]


def all_gone(children: list[int]) -> bool:
    """Whether they all end, within the time that an orderly end may take."""
    deadline = time.monotonic() + 20
    while (left := running().keys() & set(children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not left


def stopped(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.endswith("has stopped")]
    return [line.split()[2] for line in lines]


def test_a_signal_to_the_whole_group_stops_everything_in_order(start: Start) -> None:
    """Ctrl-C reaches the supervisor alone, which stops what needs others before those; more of it is harmless."""
    run = start().until_up()
    children = run.children()
    for _ in range(3):
        os.killpg(run.process.pid, signal.SIGINT)
    assert 0 == run.ended()
    assert STOP_ORDER == stopped(run.text())
    assert "ended" not in run.text()
    assert all_gone(children)


def test_ctrl_c_while_starting_leaves_nothing_behind(start: Start) -> None:
    """Also what was on its way up is stopped."""
    run = start()
    run.until(lambda: "Temporal is starting" in run.text())
    children = run.children()
    run.process.send_signal(signal.SIGINT)
    assert 0 == run.ended()
    assert all_gone(children)
    assert [] == descendants(run.process.pid)


def test_children_die_with_a_killed_supervisor_and_the_next_run_goes_on(start: Start) -> None:
    """Nothing survives kill -9 of the supervisor; the next run takes the folder and its data over."""
    run = start().until_up()
    children = run.children()
    run.process.kill()
    assert -signal.SIGKILL == run.ended()
    assert all_gone(children)
    again = start(ports=run.ports).until_up()
    assert f"an earlier run (process {run.process.pid}) was killed" in again.text()


def test_a_second_run_on_the_same_folder_is_refused(start: Start) -> None:
    """The first one is named and left alone."""
    run = start().until_up()
    second = start()
    assert 1 == second.ended()
    assert f"process {run.process.pid}" in second.text()
    assert run.process.poll() is None


def test_two_stacks_run_side_by_side(start: Start) -> None:
    """Other folder, other ports: stopping one leaves the other alone."""
    first, second = start("first"), start("second")
    first.until_up()
    second.until_up()
    assert first.text().split("UP ")[1] != second.text().split("UP ")[1]
    first.process.send_signal(signal.SIGTERM)
    assert 0 == first.ended()
    assert 5 <= len(second.children())
    assert second.process.poll() is None


def test_a_killed_worker_is_told_and_started_again(start: Start) -> None:
    """The healing is visible: how it ended, the end of its log, and the new process."""
    run = start().until_up()
    os.kill(run.child("stand_in.py worker"), signal.SIGKILL)
    run.until(lambda: "worker is ready again" in run.text())
    assert "worker was ended by SIGKILL" in run.text()
    assert run.child("stand_in.py worker")


def test_killed_servers_are_started_again(start: Start) -> None:
    """PostgreSQL and Temporal come back on their data."""
    run = start().until_up()
    os.kill(run.child("start-dev"), signal.SIGKILL)
    os.kill(run.child("bin/postgres"), signal.SIGKILL)
    run.until(lambda: "Temporal is ready again" in run.text() and "PostgreSQL is ready again" in run.text())


def test_a_part_that_cannot_start_ends_the_run_with_its_reason(start: Start) -> None:
    """The end of its log is on the terminal, and everything else is stopped."""
    run = start("state", RUN_STACK, "broken")
    assert 1 == run.ended()
    assert "the part is broken on purpose" in run.text()
    assert stopped(run.text())


def test_a_closed_terminal_stops_everything(start: Start) -> None:
    """SIGHUP, when the window goes away, is a request to stop."""
    run = start().until_up()
    children = run.children()
    run.process.send_signal(signal.SIGHUP)
    assert 0 == run.ended()
    assert all_gone(children)
