"""`python -m bench`: what a payment costs on this machine, measured with a stack of the bench's own."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.bench import Bench, Sizes, machine
from bench.errors import BenchError
from bench.report import report
from bench.results import Results
from bench.run import DEFAULT, PHASES, left_to_do, run_phases
from bench.stack import BenchStack
from devstack.errors import StackError
from devstack.terminal import Terminal

INTERRUPTED = 130
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(options: argparse.Namespace) -> None:
    """The report is on the terminal, and in the file that was asked for; everything started has ended."""
    terminal = Terminal()
    if measuring := asyncio.current_task():
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, measuring.cancel)
    results = earlier(options.json)
    names = left_to_do(options.only, results, again=not options.resume)
    results.machine = machine(quick=options.sizes.quick)
    stack = BenchStack(terminal.step)
    try:
        await run_phases(Bench(stack, options.sizes, results=results, say=terminal.step), names, options.json)
    finally:
        terminal.step("stopping")
        stack.stop()
    terminal.say(f"\n{report(results)}")


def earlier(results_file: Path | None) -> Results:
    """What earlier runs wrote into the file."""
    if results_file is None or not results_file.exists():
        return Results()
    return Results.model_validate_json(results_file.read_bytes())


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; `--quick` is for trying the bench itself, its figures mean little."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", type=_phases, help=f"these phases of {', '.join(PHASES)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--json", type=Path, help="keep everything measured in this file, beside what it has")
    parser.add_argument("--resume", action="store_true", help="only the phases that the file lacks")
    parser.add_argument("--growth", action="store_true", help="also with a million stored payments")
    options = parser.parse_args(arguments)
    options.sizes = Sizes().quickly() if options.quick else Sizes()
    options.only = [*(options.only or DEFAULT), *(["growth"] if options.growth else [])]
    return options


def _phases(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(PHASES):
        raise argparse.ArgumentTypeError(f"no phase {', '.join(sorted(unknown))}; there are {', '.join(PHASES)}")
    return names


def main() -> int:
    """The exit code of one run; slow is no failure."""
    try:
        asyncio.run(run(parse()))
    except (BenchError, StackError) as failure:
        sys.stderr.write(f"paysaga: {failure}\n")
        return 1
    except asyncio.CancelledError:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
