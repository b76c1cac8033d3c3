"""`python -m bench.fairness`: how long one merchant waits behind another one's flash sale.

In a queue: two servers, one after the other; one serves its queues as tasks came, one by turns. A worker takes twenty
tasks a second, as a channel's payouts are throttled. One merchant puts hundreds at once, the other one a second: what
is measured is how long each task waited until it was begun.

At the API's door (`bench/sale.py`): four hundred buyers of one merchant POST payments without a pause, the other
merchant's come two a second: how long each waited until its payment was taken.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

from temporalio import activity
from temporalio.client import Client
from temporalio.common import Priority
from temporalio.worker import Worker

from bench.percentiles import Latency
from bench.sale import rows, sell
from devstack.ports import free_port
from devstack.temporal import DYNAMIC_CONFIG, TemporalServer
from devstack.terminal import Terminal, table
from settings import Settings

QUEUE = "payout-bench"
CALM_EVERY_S = 1.0
LIMIT_S = 120.0
CALL_LIMIT = timedelta(minutes=1)


class InOrder(TemporalServer):
    """Queues are served in the order of their tasks, whosever they are."""

    dynamic_config = DYNAMIC_CONFIG | {"matching.enableFairness": "false"}


SERVERS: dict[str, type[TemporalServer]] = {"as they came": InOrder, "by turns": TemporalServer}


class Till:
    """Notes how long each task waited, in milliseconds, by merchant."""

    def __init__(self, expected: int) -> None:
        self.waited_ms: defaultdict[str, list[float]] = defaultdict(list)
        self.closed = asyncio.Event()
        self._left = expected

    @activity.defn(name="till.serve")
    async def serve(self, merchant_id: str, put_at: float) -> None:
        """It is noted; the till is closed when everybody was served."""
        self.waited_ms[merchant_id].append((time.time() - put_at) * 1_000)
        self._left -= 1
        if not self._left:
            self.closed.set()


async def measure(address: str, options: argparse.Namespace) -> dict[str, Latency]:
    """What each merchant waited, everything served."""
    client = await Client.connect(address)
    till = Till(options.backlog + options.calm)
    await asyncio.gather(*(_put(client, "the sale", number) for number in range(options.backlog)))
    rate = Settings.model_fields["payouts_per_second"].default
    async with Worker(client, task_queue=QUEUE, activities=[till.serve], max_task_queue_activities_per_second=rate):
        for number in range(options.calm):
            await _put(client, "the other", number)
            await asyncio.sleep(CALM_EVERY_S)
        await asyncio.wait_for(till.closed.wait(), LIMIT_S)
    return {name: Latency.of(waited_ms) for name, waited_ms in till.waited_ms.items()}


async def _put(client: Client, merchant_id: str, number: int) -> None:
    await client.start_activity(
        "till.serve",
        args=[merchant_id, time.time()],
        id=f"{merchant_id}-{number}",
        task_queue=QUEUE,
        start_to_close_timeout=CALL_LIMIT,
        priority=Priority(fairness_key=merchant_id),
    )


def report(seen: dict[str, dict[str, Latency]]) -> str:
    """A line for each merchant under each order."""
    rows = [
        (order, merchant, str(waited.count), *(f"{value or 0:,.0f} ms" for value in (waited.p50_ms, waited.p99_ms)))
        for order, merchants in seen.items()
        for merchant, waited in sorted(merchants.items())
    ]
    return table(("served", "merchant", "tasks", "waited p50", "p99"), rows)


def main() -> int:
    """The exit code of one run."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__)
    parser.add_argument("--backlog", type=int, default=400, help="tasks of the merchant with the sale, at once (400)")
    parser.add_argument("--calm", type=int, default=15, help="tasks of the other merchant, one a second (15)")
    parser.add_argument("--door", type=int, default=40, help="payments of the other merchant at the API's door (40)")
    options = parser.parse_args()
    say = Terminal().say
    if options.door:
        say(table(("let in", "merchant", "payments", "waited p50", "p99", "429", "503"), rows(sell(options.door))))
    if not options.backlog:
        return 0
    seen = {}
    for order, server in SERVERS.items():
        folder = Path(tempfile.mkdtemp(prefix="paysaga-bench-"))
        try:
            with server(folder / "temporal", free_port()) as temporal:
                seen[order] = asyncio.run(measure(temporal.address, options))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    say(report(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
