"""A run: which phases it takes, what it keeps, and that a small one ends with everything measured."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.__main__ import earlier, parse
from bench.bench import Bench, Sizes, machine
from bench.page import PAGE, write_page
from bench.results import Results
from bench.run import APART, DEFAULT, PHASES, left_to_do, run_phases
from bench.stack import BenchStack

FEW, MORE = 20, 60
TINY = Sizes(
    payments=6, turn=4, turns=1, counted=2, seconds=0.5, rate_s=1, stored_small=FEW, stored_large=MORE, quick=True
)
SMALL_RUN = ("floor", "saturation", "half_rate", "statements", "growth")


@pytest.fixture
def kept_environment() -> Iterator[None]:
    """A stack forgets the variables of this process, which later tests need: they are as they were."""
    variables, mask = dict(os.environ), os.umask(0o077)
    yield
    os.umask(mask)
    os.environ.clear()
    os.environ.update(variables)


def test_all_phases_run_but_for_the_long_one() -> None:
    """The million is stored when it is asked for."""
    assert list(DEFAULT) == parse([]).only
    assert [*DEFAULT, *APART] == parse(["--growth"]).only
    assert ["floor", "rates"] == parse(["--only", "floor,rates"]).only


def test_a_phase_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names of those that do."""
    with pytest.raises(SystemExit):
        parse(["--only", "saturated"])
    assert "saturation" in capsys.readouterr().err


def test_a_report_needs_its_results() -> None:
    """There is no run to take them from."""
    with pytest.raises(SystemExit):
        parse(["report"])


def test_quick_is_a_tenth() -> None:
    """Of payments and of seconds; the million becomes ten thousand."""
    sizes = parse(["--quick"]).sizes
    assert (100, 30, 1.0, 1_000, 10_000) == (
        sizes.payments,
        sizes.turn,
        sizes.seconds,
        sizes.stored_small,
        sizes.stored_large,
    )


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """What the file has is not measured again, unless it shall be."""
    kept = tmp_path / "results.json"
    kept.write_text(Results(workers=[]).model_dump_json())
    results = earlier(kept)
    assert ["floor"] == left_to_do(["floor", "workers"], results, again=False)
    assert ["floor", "workers"] == left_to_do(["floor", "workers"], results, again=True)
    assert Results() == earlier(tmp_path / "nothing.json")


def test_every_phase_has_its_place_in_the_results() -> None:
    """A phase whose figures had no field could not be kept."""
    assert set(PHASES) == set(Results.model_fields) - {"machine"}


@pytest.mark.usefixtures("kept_environment")
async def test_a_small_run_measures_everything_and_writes_its_page(tmp_path: Path) -> None:
    """On a stack of its own; all invariants hold on the database that was stored in bulk."""
    kept, said = tmp_path / "results.json", list[str]()
    stack = BenchStack(said.append)
    try:
        results = Results(machine=machine(quick=True))
        await run_phases(Bench(stack, TINY, results=results, say=said.append), SMALL_RUN, kept)
    finally:
        stack.stop()
    results = earlier(kept)
    growth, saturation = results.growth, results.saturation
    assert growth is not None
    assert saturation is not None
    assert (6, True) == (saturation.succeeded, growth.verified)
    assert (True, True) == (growth.small.stored >= FEW, growth.large.stored >= MORE)
    page = tmp_path / "performance.md"
    page.write_text(PAGE.read_text())
    assert {"performance.md", "growth.svg", "processor-time.svg"} <= {one.name for one in write_page(results, page)}
