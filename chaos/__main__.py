"""`python -m chaos`: tries to lose money, and tells whether it did.

Each seed decides a load and a timetable of faults. All seeds run on one standing stack of real processes; after each,
everything is healed and drained, and every rule is asked. What a seed came to is kept in the home folder, so that a run
can be resumed, and a seed that failed keeps its plan, its answers and what was wrong.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import httpx
import uvloop
from temporalio.service import RPCError

from chaos.circumstances import Circumstances
from chaos.disk import Disk
from chaos.plan import plan_of
from chaos.points import reached
from chaos.report import written
from chaos.result import Result
from chaos.run import Run
from chaos.sinks import HostileSink
from chaos.stack import Stack
from devstack.errors import StackError
from devstack.postgres import EmbeddedPostgres

HELD, BROKEN, INTERRUPTED = 0, 1, 143
#: After so many seeds, and after the last, the invariants are asked of everything that was ever written.
EVERYTHING_EVERY = 20
#: What ends a seed before its judgement.
UNABLE = (StackError, OSError, httpx.HTTPError, RPCError, asyncpg.PostgresError, KeyError, ValueError, RuntimeError)


async def run_seeds(home: Path, seeds: Sequence[int], *, ends_at: float) -> list[Result]:
    """The seeds were run one after another on one stack, or the time was over; each result is kept."""
    _end_tidily()
    _forget_earlier(home / "stack")
    stack = Stack(home / "stack", lambda said: print(f"  {said}", flush=True))
    results: list[Result] = []
    try:
        await stack.start()
        under = Circumstances.now(disk=stack.disk is not None, clocks=stack.clocks.movable)
        async with HostileSink.running() as sinks:
            for done, seed in enumerate(seeds, start=1):
                if time.monotonic() > ends_at:
                    break
                run = Run(stack, plan_of(seed, points=reached()), home / f"seed-{seed}", sinks)
                result = await _result(run, everything=done % EVERYTHING_EVERY == 0 or done == len(seeds))
                result = result.model_copy(update={"under": under})
                kept_at(home, seed).write_text(result.model_dump_json(indent=1))
                results.append(result)
                print(_line(result), flush=True)
    finally:
        await stack.stop()
    return results


def _forget_earlier(folder: Path) -> None:
    """Nothing is left of an earlier run that was killed."""
    left = EmbeddedPostgres(folder)
    left.stop()
    Disk.forget(left.home)
    left.destroy()
    shutil.rmtree(folder, ignore_errors=True)


def _end_tidily() -> None:
    """Whoever is asked to end stops what runs."""
    running = asyncio.current_task()
    if running is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)


async def _result(run: Run, *, everything: bool) -> Result:
    """What the seed came to; one that the harness could not run to its end is broken, and says by what."""
    try:
        return await run.run(everything=everything)
    except (*UNABLE, ExceptionGroup) as failure:
        said = "".join(traceback.format_exception(failure))
        (run.folder / "breaches.txt").write_text(said)
        return Result(seed=run.plan.seed, breaches={"the_seed_was_run_to_its_end": [said[-2_000:]]})


def kept_at(home: Path, seed: int) -> Path:
    """Where the result of a seed is kept."""
    return home / "results" / f"{seed}.json"


def _line(result: Result) -> str:
    said = "held" if result.held else "BROKEN: " + ", ".join(result.breaches)
    count, spent = sum(result.driven.values()), result.injected
    took = ", ".join(f"{phase} in {seconds} s" for phase, seconds in result.phases.items())
    befell = f"{count} objects, {sum(spent.faults.values())} faults"
    return f"seed {result.seed}: {said}; {befell}; {took}; last came: {result.last}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, beginning with --from")
    parser.add_argument("--from", dest="start", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="this seed alone, as a replay")
    parser.add_argument("--resume", action="store_true", help="leave out the seeds that the home folder has results of")
    parser.add_argument("--home", type=Path, default=Path(".paysaga-chaos"), help="where everything is kept")
    parser.add_argument("--minutes", type=float, default=75.0, help="begin no seed after so long")
    parser.add_argument("--show-plan", action="store_true", help="print the plans and do nothing")
    parser.add_argument("--report", action="store_true", help="print the page of the results, and do nothing")
    return parser.parse_args()


def main() -> int:
    """Runs, prints, and answers the exit code."""
    options = _options()
    home: Path = options.home.absolute()
    wanted = [options.seed] if options.seed is not None else range(options.start, options.start + options.seeds)
    if options.report:
        print(written(home), end="")
        return HELD
    if options.show_plan:
        print("\n".join(plan_of(seed, points=reached()).model_dump_json(indent=1) for seed in wanted))
        return HELD
    (home / "results").mkdir(parents=True, exist_ok=True)
    left = [seed for seed in wanted if not (options.resume and kept_at(home, seed).exists())]
    try:
        results = uvloop.run(run_seeds(home, left, ends_at=time.monotonic() + options.minutes * 60))
    except asyncio.CancelledError:
        return INTERRUPTED
    return HELD if all(result.held for result in results) else BROKEN


if __name__ == "__main__":
    sys.exit(main())
