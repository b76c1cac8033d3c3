"""Phases by name, in the order in which a run takes them; what each finds out is written down at once."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from bench.bench import Bench
from bench.phases.comparisons import channels, failing, merchants
from bench.phases.counting import counting
from bench.phases.floor import floor
from bench.phases.growth import growth
from bench.phases.loads import half_rate, rates, saturation, workers
from bench.phases.peers import peers
from bench.phases.recovery import recovery
from bench.phases.statements import statements
from bench.results import Results

#: Peers before any stack of this run stands; the floor while the server has nothing else to do; counting last, because
#: it stops what runs by itself.
PHASES: dict[str, Callable[[Bench], Awaitable[Any]]] = {
    one.__name__: one
    for one in (
        *(peers, floor, saturation, half_rate, rates, statements),
        *(merchants, failing, channels, workers, recovery, counting, growth),
    )
}


async def run_phases(bench: Bench, names: Sequence[str], results_file: Path | None) -> None:
    """Each phase has run; its figures replace those that the results had of it."""
    for name in [name for name in PHASES if name in names]:
        bench.say(f"phase {name}")
        setattr(bench.results, name, await PHASES[name](bench))
        if results_file:
            results_file.parent.mkdir(parents=True, exist_ok=True)
            results_file.write_text(bench.results.model_dump_json(indent=2) + "\n")


#: Takes as long as all others together: it is asked for by name.
APART = ("growth",)
DEFAULT = tuple(name for name in PHASES if name not in APART)


def left_to_do(names: Sequence[str], results: Results, *, again: bool) -> list[str]:
    """The phases that the results lack, or all of these when they shall run `again`."""
    return [name for name in names if again or getattr(results, name) is None]
