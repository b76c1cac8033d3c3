"""One merchant's flash sale by plain POSTs, and what another merchant's payments wait for their answers meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from bench.http_pool import HttpPool
from bench.load import AGAIN, CREATED
from bench.onboarding import another
from bench.orders import Orders
from bench.percentiles import Latency
from bench.plans import LoadPlan, Shop
from bench.stack import BenchStack
from devstack.servers import Program

BUYERS = 400
CALM_EVERY_S = 0.5
#: As the answer says in `Retry-After`.
AGAIN_AFTER_S = 2.0
EVERYBODY = "10000"


class WithoutTurns(BenchStack):
    """Its API lets everybody in at once."""

    def _api(self, **variables: str) -> Program:
        return super()._api(**variables, PAYSAGA_WRITES_AT_ONCE=EVERYBODY, PAYSAGA_WRITES_WAITING=EVERYBODY)


STACKS: dict[str, type[BenchStack]] = {"at once": WithoutTurns, "by turns": BenchStack}


@dataclass
class Buyers:
    """What the payments of one merchant waited until they were taken, and what they were told."""

    orders: Orders
    http: HttpPool
    waited_ms: list[float] = field(default_factory=list)
    told: Counter[int] = field(default_factory=Counter)

    async def buy(self) -> None:
        """One payment is taken; whoever is told to come again does so."""
        (shop, body), due_at = self.orders.next(), time.monotonic()
        while True:
            answer = await self.http.post("/v1/payments", body, api_key=shop.api_key)
            self.told[answer.status] += 1
            if answer.status not in AGAIN:
                break
            await asyncio.sleep(AGAIN_AFTER_S)
        if answer.status == CREATED:
            self.waited_ms.append((time.monotonic() - due_at) * 1_000)

    async def buy_again_and_again(self) -> None:
        """As one payment is taken, the same buyer makes the next."""
        while True:
            await self.buy()


def sell(calm: int) -> dict[str, dict[str, Buyers]]:
    """Both merchants under each order, `calm` payments of the quiet one each time."""
    seen = {}
    for order, kind in STACKS.items():
        with _running(kind) as stack:
            shops = [asyncio.run(another(stack.plan)) for _ in range(2)]
            seen[order] = asyncio.run(_sale(stack, shops, calm))
    return seen


@contextmanager
def _running(kind: type[BenchStack]) -> Iterator[BenchStack]:
    stack = kind(lambda _: None)
    try:
        stack.start_engine()
        stack.start_centre()
        yield stack
    finally:
        stack.stop()


async def _sale(stack: BenchStack, shops: list[Shop], calm: int) -> dict[str, Buyers]:
    http = HttpPool(shops[0].api)
    sale, other = (_buyers(stack, shop, http) for shop in shops)
    crowd = [asyncio.create_task(sale.buy_again_and_again()) for _ in range(BUYERS)]
    async with asyncio.TaskGroup() as calmly:
        for _ in range(calm):
            await asyncio.sleep(CALM_EVERY_S)
            calmly.create_task(other.buy())
    for buyer in crowd:
        buyer.cancel()
    for buyer in crowd:
        with suppress(asyncio.CancelledError):
            await buyer
    return {"the sale": sale, "the other": other}


def _buyers(stack: BenchStack, shop: Shop, http: HttpPool) -> Buyers:
    plan = LoadPlan(
        name=shop.merchant_id[-8:], shops=[shop], database_url=stack.plan.addresses.database_url, payments=0
    )
    return Buyers(Orders(plan), http)


def rows(seen: dict[str, dict[str, Buyers]]) -> list[tuple[str, ...]]:
    """A line for each merchant under each order."""
    return [
        (order, merchant, *_figures(Latency.of(buyers.waited_ms)), *(f"{buyers.told[status]}" for status in (429, 503)))
        for order, merchants in seen.items()
        for merchant, buyers in merchants.items()
    ]


def _figures(waited: Latency) -> tuple[str, ...]:
    return (str(waited.count), *(f"{value or 0:,.0f} ms" for value in (waited.p50_ms, waited.p99_ms)))
