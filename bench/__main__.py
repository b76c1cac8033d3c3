"""`python -m bench`: what a payment costs on this machine, measured with a stack of the bench's own."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from bench.counting import Counting
from bench.engine import Engine
from bench.errors import BenchError
from bench.floor import measure_floor
from bench.loading import Loading
from bench.onboarding import onboarded, pay_after
from bench.report import report
from bench.results import Results
from bench.stack import BenchStack
from devstack.errors import StackError
from devstack.terminal import Terminal

WARM_UP = 100
COUNTED = 200
# At half rate the payer takes a moment, so that POST answers while there is something to pay, and before we poll.
PAYER_TAKES_MS = 1_000
INTERRUPTED = 130
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def measure(stack: BenchStack, options: argparse.Namespace, terminal: Terminal) -> Results:
    """All phases, one after another."""
    stack.start_engine()
    engine = await Engine.connect(stack.temporal.address, stack.metrics_url)
    terminal.step(f"floor: empty workflows for {options.seconds:.0f} s")
    floor = await measure_floor(stack, engine, options.seconds)
    stack.start_centre()
    loading = Loading(stack, engine, await onboarded(stack.plan))
    await pay_after(stack.plan, 0)
    terminal.step("warming up")
    await loading.measure(loading.plan("warm-up", WARM_UP))
    terminal.step(f"saturation: {options.payments} payments, 32 in flight")
    saturation = await loading.measure(loading.plan("saturation", options.payments))
    await pay_after(stack.plan, PAYER_TAKES_MS)
    rate_per_s = saturation.payments_per_s / 2
    terminal.step(f"half rate: {options.payments} payments at {rate_per_s:.1f} a second")
    half_rate = await loading.measure(loading.plan("half-rate", options.payments, rate_per_s=rate_per_s))
    terminal.step(f"counting: {options.counted} payments, two at a time")
    counted = await Counting(stack, engine, loading).measure(options.counted)
    return Results(floor=floor, saturation=saturation, half_rate=half_rate, counted=counted)


async def run(options: argparse.Namespace) -> None:
    """The report is on the terminal, and in the file that was asked for; everything started has ended."""
    terminal = Terminal()
    if measuring := asyncio.current_task():
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, measuring.cancel)
    stack = BenchStack(terminal.step)
    try:
        results = await measure(stack, options, terminal)
    finally:
        terminal.step("stopping")
        stack.stop()
    terminal.say(f"\n{report(results)}")
    if options.json:
        options.json.write_text(results.model_dump_json(indent=2) + "\n")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options; `--quick` is for trying the bench itself, its figures mean little."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--payments", type=int, help="payments of each load (1000)")
    parser.add_argument("--seconds", type=float, help="how long the floor is measured (10)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything that is not named")
    parser.add_argument("--json", type=Path, help="also write everything measured into this file")
    options = parser.parse_args(arguments)
    share = 10 if options.quick else 1
    options.payments = options.payments or 1_000 // share
    options.seconds = options.seconds or 10 / share
    options.counted = COUNTED // share
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
