"""`python -m bench.ledger`: whether one merchant whom everybody pays slows the book down, against 10,000 of them."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from activities.folding import Folding
from bench.figures import HEAD, Figure
from bench.ledger_load import LedgerLoad, Measured, Refunded
from bench.ledger_server import LedgerServer
from bench.percentiles import Latency
from devstack.errors import StackError
from devstack.terminal import Terminal, table

WRITERS = 16
INTERRUPTED = 130
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
THROUGHPUT_AIM, P99_AIM = 0.8, 3


@dataclass
class LedgerResults:
    """Everything of one run."""

    hot: Measured = field(default_factory=Measured)
    spread: Measured = field(default_factory=Measured)
    while_refunding: Measured = field(default_factory=Measured)
    refunded: Refunded = field(default_factory=Refunded)


async def measure(server: LedgerServer, options: argparse.Namespace, terminal: Terminal) -> LedgerResults:
    """Hot and spread phases by turns, so that what the machine does besides falls on both; the worker's loop folds."""
    await server.start()
    results = LedgerResults()
    async with server.connections(WRITERS + 1) as connections:
        load = LedgerLoad(connections, options.merchants)
        terminal.step(f"warming up: a payment to each of {options.merchants} merchants")
        await load.warm_up()
        for turn in range(options.turns):
            terminal.step(f"turn {turn + 1} of {options.turns}: {options.payments} payments hot, and as many spread")
            phases = [(results.hot, True), (results.spread, False)]
            for measured, hot in phases if turn % 2 == 0 else reversed(phases):
                async with _folding(server):
                    await load.measure(measured, options.payments, hot=hot)
                await load.fold()
        terminal.step(f"refunds of the hot merchant during {options.payments} payments")
        async with _folding(server):
            await load.measure_with_refunds(results.while_refunding, results.refunded, options.payments)
    return results


@contextlib.asynccontextmanager
async def _folding(server: LedgerServer) -> AsyncIterator[None]:
    """The worker's loop runs."""
    stop = asyncio.Event()
    async with server.database() as database:
        loop = asyncio.create_task(Folding(database).run(stop))
        try:
            yield
        finally:
            stop.set()
            await loop


def figures(results: LedgerResults) -> list[Figure]:
    """What the table shows."""
    hot, spread = Latency.of(results.hot.payment_ms), Latency.of(results.spread.payment_ms)
    throughput = results.hot.per_s / results.spread.per_s
    p99 = None if hot.p99_ms is None or not spread.p99_ms else hot.p99_ms / spread.p99_ms
    return [
        Figure("one merchant: payments", results.hot.per_s, "/s"),
        *_latency("one merchant", hot),
        Figure("many merchants: payments", results.spread.per_s, "/s"),
        *_latency("many merchants", spread),
        Figure("throughput, one against many", throughput, "×", THROUGHPUT_AIM, at_least=True),
        Figure("p99, one against many", p99, "×", P99_AIM),
        Figure("one merchant while refunds run: payments", results.while_refunding.per_s, "/s"),
        *_latency("one merchant while refunds run", Latency.of(results.while_refunding.payment_ms)),
        Figure("refunds meanwhile", len(results.refunded.confirm_ms), ""),
        *_latency("refund: try, folded on demand", Latency.of(results.refunded.try_ms)),
        *_latency("refund: confirm", Latency.of(results.refunded.confirm_ms)),
    ]


def _latency(name: str, latency: Latency) -> list[Figure]:
    return [Figure(f"{name}, p50", latency.p50_ms, "ms"), Figure(f"{name}, p99", latency.p99_ms, "ms")]


def report(results: LedgerResults) -> str:
    """The table, each phase for itself, and the word on the two aims."""
    found = figures(results)
    missed = [figure.name for figure in found if figure.holds is False]
    by_turn = zip(results.hot.rates_per_s, results.spread.rates_per_s, strict=True)
    turns = ", ".join(f"{hot:,.0f} and {spread:,.0f} ({hot / spread:.2f} ×)" for hot, spread in by_turn)
    verdict = f"FAIL: {', '.join(missed)}" if missed else "PASS"
    return "\n\n".join(
        [table(HEAD, [figure.row() for figure in found]), f"payments/s by turn, hot and spread: {turns}", verdict]
    )


async def run(options: argparse.Namespace) -> None:
    """The report is on the terminal; everything started has ended."""
    terminal = Terminal()
    if measuring := asyncio.current_task():
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, measuring.cancel)
    server = LedgerServer()
    try:
        results = await measure(server, options, terminal)
    finally:
        terminal.step("stopping")
        server.stop()
    terminal.say(f"\n{report(results)}")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options; `--quick` is for trying the bench itself, its figures mean little."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--payments", type=int, help="payments of each phase (6000)")
    parser.add_argument("--turns", type=int, default=8, help="how often both phases take turns (8)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything that is not named")
    options = parser.parse_args(arguments)
    share = 10 if options.quick else 1
    options.payments = options.payments or 6_000 // share
    options.merchants = 10_000 // share
    return options


def main() -> int:
    """The exit code of one run; a missed aim is told and fails nothing."""
    try:
        asyncio.run(run(parse()))
    except StackError as failure:
        sys.stderr.write(f"paysaga: {failure}\n")
        return 1
    except asyncio.CancelledError:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
