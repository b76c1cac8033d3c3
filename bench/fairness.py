"""`python -m bench.fairness`: what a merchant's flash sale does to another merchant, with fair queues and without.

Two stacks, one after the other. In each, one merchant is asked for hundreds of payments at the same moment, while another
is asked for two a second: what is measured is how long the second one's payers wait for what they can pay with.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field

import httpx

from bench.onboarding import onboarded, pay_after
from bench.percentiles import Latency
from bench.plans import Shop
from bench.stack import BenchStack
from devstack.seed import DEMO_FILE
from devstack.temporal import DYNAMIC_CONFIG, TemporalServer
from devstack.terminal import Terminal, table

CREATED = 201
PATIENCE_S = 60.0
NAMES = {True: "fair queues", False: "first come, first served"}


class UnfairServer(TemporalServer):
    """Queues are served in the order of their tasks, whosever they are."""

    dynamic_config = DYNAMIC_CONFIG | {"matching.enableFairness": "false"}


@dataclass
class Asked:
    """How long each POST of a merchant took, and how many could be paid then."""

    latencies_ms: list[float] = field(default_factory=list)
    payable: int = 0

    @property
    def latency(self) -> Latency:
        """Its figures."""
        return Latency.of(self.latencies_ms)


class Merchant:
    """Asks for payments of one shop; each order is its own."""

    def __init__(self, shop: Shop, name: str) -> None:
        self._shop, self._name = shop, name
        self._http = httpx.AsyncClient(
            base_url=shop.api,
            headers={"Authorization": f"Bearer {shop.api_key}"},
            timeout=PATIENCE_S,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )
        self.asked = Asked()

    async def pay(self, number: int) -> None:
        """One POST is answered."""
        began = time.monotonic()
        answer = await self._http.post("/v1/payments", json=self._order(number))
        self.asked.latencies_ms.append((time.monotonic() - began) * 1_000)
        self.asked.payable += answer.status_code == CREATED and answer.json()["pay"] is not None

    async def close(self) -> None:
        """No connection is kept."""
        await self._http.aclose()

    def _order(self, number: int) -> dict[str, object]:
        shop = self._shop
        return {
            "order_no": f"{self._name}-{number}",
            "amount_minor": shop.unit_price_minor,
            "currency": shop.currency,
            "subject": "A packet of tea",
            "channel": "sim",
            "invoke": "qr",
        }


async def measure(stack: BenchStack, options: argparse.Namespace) -> tuple[Asked, Asked]:
    """What the merchant of the sale saw, and what the other one saw meanwhile."""
    stack.start_engine()
    stack.start_centre()
    sale, other = [await _merchant(stack, name) for name in ("sale", "other")]
    await pay_after(stack.plan, 60_000)
    for number in range(20):
        await asyncio.gather(sale.pay(-1 - number), other.pay(-1 - number))
    sale.asked, other.asked = Asked(), Asked()
    rush = [asyncio.create_task(sale.pay(number)) for number in range(options.backlog)]
    calm = []
    for number in range(options.calm):
        calm.append(asyncio.create_task(other.pay(number)))
        await asyncio.sleep(0.5)
    await asyncio.gather(*rush, *calm)
    await asyncio.gather(sale.close(), other.close())
    return sale.asked, other.asked


async def _merchant(stack: BenchStack, name: str) -> Merchant:
    """A new one: the stack forgets the one before."""
    (stack.plan.state.path / DEMO_FILE).unlink(missing_ok=True)
    return Merchant(await onboarded(stack.plan), name)


def _stack(terminal: Terminal, *, fair: bool) -> BenchStack:
    stack = BenchStack(terminal.step)
    if not fair:
        folder, log = stack.plan.state.path / "temporal", stack.plan.state.log("temporal")
        stack.temporal = UnfairServer(folder, stack.settings.temporal_port, log=log)
    return stack


def report(seen: dict[bool, tuple[Asked, Asked]]) -> str:
    """A line for each merchant under each order of the queues."""
    rows = []
    for fair, both in seen.items():
        for name, asked in zip(("the sale", "the other merchant"), both, strict=True):
            latency = asked.latency
            figures = [f"{value or 0:.0f} ms" for value in (latency.p50_ms, latency.p99_ms)]
            rows.append((NAMES[fair], name, str(latency.count), str(asked.payable), *figures))
    return table(("queues", "merchant", "POSTs", "payable", "p50", "p99"), rows)


async def run(options: argparse.Namespace) -> None:
    """The report is on the terminal; everything started has ended."""
    terminal = Terminal()
    seen = {}
    for fair in (False, True):
        terminal.step(f"{NAMES[fair]}: {options.backlog} payments at once beside two a second")
        stack = _stack(terminal, fair=fair)
        try:
            seen[fair] = await measure(stack, options)
        finally:
            stack.stop()
    terminal.say(report(seen))


def main() -> int:
    """The exit code of one run."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__)
    parser.add_argument("--backlog", type=int, default=500, help="payments of the flash sale, all at once (500)")
    parser.add_argument("--calm", type=int, default=40, help="payments of the other merchant, two a second (40)")
    asyncio.run(run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
