"""`python -m chaos`: tries to lose money, and tells whether it did.

Each seed decides a load and a timetable of faults. All seeds run on one standing stack of real processes; after each,
everything is healed and drained, and every rule is asked. What a seed came to is kept in the home folder, so that a run
can be resumed, and a seed that failed keeps its plan, its answers and what was wrong.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import uvloop

from chaos.plan import plan_of
from chaos.points import reached
from chaos.result import Result
from chaos.run import Run
from chaos.stack import Stack

HELD, BROKEN = 0, 1
EVERYTHING_EVERY = 20


async def seeds(options: argparse.Namespace) -> list[Result]:
    """All seeds were run, or the time is over."""
    home: Path = options.home.absolute()
    wanted = [options.seed] if options.seed is not None else range(options.start, options.start + options.seeds)
    points = reached()
    if options.show_plan:
        for seed in wanted:
            print(plan_of(seed, points=points).model_dump_json(indent=1))
        return []
    left = [seed for seed in wanted if not (options.resume and _kept(home, seed).exists())]
    ends_at = time.monotonic() + options.minutes * 60
    stack = Stack(home / "stack", lambda said: print(f"  {said}"))
    results: list[Result] = []
    try:
        await stack.start()
        for done, seed in enumerate(left, start=1):
            if time.monotonic() > ends_at:
                break
            run = Run(stack, plan_of(seed, points=points), home / f"seed-{seed}")
            result = await run.run(everything=done % EVERYTHING_EVERY == 0 or done == len(left))
            _kept(home, seed).write_text(result.model_dump_json(indent=1))
            results.append(result)
            print(_line(result))
    finally:
        await stack.stop()
    return results


def _kept(home: Path, seed: int) -> Path:
    return home / "results" / f"{seed}.json"


def _line(result: Result) -> str:
    said = "held" if result.held else "BROKEN: " + ", ".join(result.breaches)
    count, spent = sum(result.driven.values()), result.injected
    return f"seed {result.seed}: {count} objects, {sum(spent.faults.values())} faults, {spent.took_s} s ({spent.drained_s} s drained): {said}"


def main() -> int:
    """Runs, prints, and answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, beginning with --from")
    parser.add_argument("--from", dest="start", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="this seed alone, as a replay")
    parser.add_argument("--resume", action="store_true", help="leave out the seeds that the home folder has results of")
    parser.add_argument("--home", type=Path, default=Path(".paysaga-chaos"), help="where everything is kept")
    parser.add_argument("--minutes", type=float, default=75.0, help="begin no seed after so long")
    parser.add_argument("--show-plan", action="store_true", help="print the plans and do nothing")
    options = parser.parse_args()
    (options.home / "results").mkdir(parents=True, exist_ok=True)
    results = uvloop.run(seeds(options))
    return HELD if all(result.held for result in results) else BROKEN


if __name__ == "__main__":
    sys.exit(main())
