"""`python -m bench.peers`: the same payment on Temporal and on dbos, measured in turns by the same load."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from bench.errors import BenchError
from bench.peers.comparison import SIDES, Sizes, compare
from bench.peers.figures import report
from devstack.errors import StackError
from devstack.terminal import Terminal

INTERRUPTED = 130
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(options: argparse.Namespace) -> None:
    """The table is on the terminal, and everything measured in the file that was asked for."""
    terminal = Terminal()
    if measuring := asyncio.current_task():
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, measuring.cancel)
    sizes = Sizes(
        sides=tuple(options.only or SIDES),
        rounds=options.rounds,
        payments=options.payments,
        warm_up=options.warm_up,
        rate_per_s=options.rate,
    )
    comparison = await compare(sizes, terminal.step)
    terminal.say(f"\n{report(comparison)}")
    if options.json:
        options.json.write_text(comparison.model_dump_json(indent=2) + "\n")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options; `--quick` is for trying the comparison itself, its figures mean little."""
    sizes = Sizes()
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--only", action="append", choices=SIDES, help="this side, and those named too")
    parser.add_argument("--rounds", type=int, help=f"turns of each side ({sizes.rounds})")
    parser.add_argument("--payments", type=int, help=f"payments of each load ({sizes.payments})")
    parser.add_argument("--rate", type=float, default=sizes.rate_per_s, help="payments a second of the steady load")
    parser.add_argument("--quick", action="store_true", help="one turn of each side, a fifth of the payments")
    parser.add_argument("--json", type=Path, help="also write everything measured into this file")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else sizes.rounds)
    share = 5 if options.quick else 1
    options.payments = options.payments or sizes.payments // share
    options.warm_up = sizes.warm_up // share
    return options


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
