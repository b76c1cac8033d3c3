"""`python -m bench.load PLAN RESULT`: the business and its customers, in a process of their own."""

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import uvloop

from bench.http_pool import Answer, HttpPool
from bench.orders import Orders
from bench.plans import LoadPlan, LoadResult, Seen, Shop
from bench.watcher import Watcher

END_LIMIT_S = 60.0
CREATED = 201
#: Answers that ask for the same call again: the payment goes on, or the centre is not there for a moment.
AGAIN = frozenset({409, 429, 503})
AGAIN_AFTER_S = 0.5


class Load:
    """Asks for the plan's payments and sees each in its end."""

    def __init__(self, plan: LoadPlan, watcher: Watcher) -> None:
        self._plan = plan
        self._orders = Orders(plan)
        self._http = HttpPool(plan.shops[0].api)
        self._watcher = watcher
        self._payments: list[Seen] = []
        self._refusals: list[str] = []
        self._repeats = 0

    async def run(self) -> LoadResult:
        """Every payment was asked for, and has ended or was given up."""
        began_at, cpu_s = time.time(), time.process_time()
        watching = asyncio.create_task(self._watcher.run())
        rate_per_s = self._plan.rate_per_s
        await (self._closed_loop() if rate_per_s is None else self._open_loop(rate_per_s))
        watching.cancel()
        self._http.close()
        return LoadResult(
            payments=self._payments,
            refusals=self._refusals,
            repeats=self._repeats,
            polls=self._watcher.polls,
            cpu_ms=(time.process_time() - cpu_s) * 1_000,
            began_at=began_at,
        )

    async def _closed_loop(self) -> None:
        """As one payment ends, the next begins."""
        numbers = iter(range(self._plan.payments))
        await asyncio.gather(*(self._one_after_another(numbers) for _ in range(self._plan.in_flight)))

    async def _one_after_another(self, numbers: Iterator[int]) -> None:
        for _ in numbers:
            await self._pay(time.time())

    async def _open_loop(self, rate_per_s: float) -> None:
        """Payments begin when they are due, however many are under way; a late start counts as latency."""
        pauses = random.Random(self._plan.seed)  # noqa: S311 - arrivals that repeat, not secrets
        due_at = time.time()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._plan.payments):
                due_at += pauses.expovariate(rate_per_s)
                await asyncio.sleep(max(0.0, due_at - time.time()))
                tasks.create_task(self._pay(due_at))

    async def _pay(self, due_at: float) -> None:
        answer = await self._answer(*self._orders.next())
        if isinstance(answer, str) or answer.status != CREATED:
            self._refusals.append(answer if isinstance(answer, str) else _words(answer))
            return
        payment, answered_at = orjson.loads(answer.body), time.time()
        seen = Seen(
            payment_id=payment["id"], due_at=due_at, answered_at=answered_at, with_pay=payment["pay"] is not None
        )
        self._payments.append(seen)
        await self._see_end(seen)

    async def _answer(self, shop: Shop, body: bytes) -> Answer | str:
        """What the API says in the end, or how it was lost; as a business would, the same is asked again meanwhile."""
        give_up_at = time.monotonic() + END_LIMIT_S
        while True:
            try:
                answer = await self._http.post("/v1/payments", body, api_key=shop.api_key)
            except (OSError, asyncio.IncompleteReadError) as lost:
                if time.monotonic() > give_up_at:
                    return f"no answer: {lost!r}"
            else:
                if answer.status not in AGAIN or time.monotonic() > give_up_at:
                    return answer
            self._repeats += 1
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _see_end(self, seen: Seen) -> None:
        try:
            async with asyncio.timeout(END_LIMIT_S):
                state, ended_at = await self._watcher.until_ended(seen.payment_id)
        except TimeoutError:
            return
        if state == "succeeded":
            seen.succeeded_at = ended_at
        else:
            seen.failed_at = ended_at


def _words(answer: Answer) -> str:
    return f"{answer.status} {answer.body.decode(errors='replace')}"


async def _run(plan: LoadPlan) -> LoadResult:
    watcher = await Watcher.connect(plan.database_url)
    try:
        return await Load(plan, watcher).run()
    finally:
        await watcher.close()


def main() -> None:
    """The result is written when the load has ended."""
    plan, result = (Path(argument) for argument in sys.argv[1:3])
    made = uvloop.run(_run(LoadPlan.model_validate_json(plan.read_bytes())))
    result.write_text(made.model_dump_json())


if __name__ == "__main__":
    main()
