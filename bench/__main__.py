"""What a payment costs on this machine, measured with a stack of the bench's own.

python -m bench [--only saturation,recovery] [--quick] [--growth] [--json RESULTS [--resume]]
python -m bench report RESULTS
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.bench import Bench, Sizes, machine
from bench.errors import BenchError
from bench.page import write_page
from bench.report import report
from bench.results import Results
from bench.run import DEFAULT, PHASES, left_to_do, run_phases
from bench.stack import BenchStack
from devstack.errors import StackError
from devstack.terminal import Terminal

DESCRIPTION = "Measures what a payment costs on this machine, with a stack of its own."
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
    parser = argparse.ArgumentParser(prog="python -m bench", description=DESCRIPTION)
    parser.add_argument("command", nargs="?", choices=("run", "report"), default="run", help="report writes the page")
    parser.add_argument("results", nargs="?", type=Path, help="the results that the page is written from")
    parser.add_argument("--only", type=_phases, help=f"these phases of {', '.join(PHASES)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--json", type=Path, help="keep everything measured in this file, beside what it has")
    parser.add_argument("--resume", action="store_true", help="only the phases that the file lacks")
    parser.add_argument("--growth", action="store_true", help="also with a million stored payments")
    options = parser.parse_args(arguments)
    if options.command == "report" and options.results is None:
        parser.error("report needs the file of results")
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
    options = parse()
    try:
        if options.command == "report":
            write_page(earlier(options.results))
        else:
            asyncio.run(run(options))
    except (BenchError, StackError) as failure:
        sys.stderr.write(f"paysaga: {failure}\n")
        return 1
    except asyncio.CancelledError:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
