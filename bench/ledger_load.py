"""Writers that post payments as fast as the book takes them, and one that refunds meanwhile."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import asyncpg

from bench.ledger_calls import Payment, Refund, fold_everything

HOT = "mer_hot"
SEED = 7


@dataclass
class Measured:
    """All phases of one kind: how long they took, and each call's milliseconds."""

    seconds: float = 0
    rates_per_s: list[float] = field(default_factory=list)
    payment_ms: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Payments in a second of these phases."""
        return len(self.payment_ms) / self.seconds

    def add(self, payment_ms: list[float], seconds: float) -> None:
        """One more phase."""
        self.seconds += seconds
        self.rates_per_s.append(len(payment_ms) / seconds)
        self.payment_ms += payment_ms


@dataclass
class Refunded:
    """What each try and each confirm of a refund took."""

    try_ms: list[float] = field(default_factory=list)
    confirm_ms: list[float] = field(default_factory=list)


class LedgerLoad:
    """A closed loop: each writer posts its next payment when the last one is committed."""

    def __init__(self, connections: Sequence[asyncpg.Connection], merchants: int) -> None:
        *self._writers, self._beside = connections
        self._merchants = [f"mer_{number}" for number in range(merchants)]
        self._random = random.Random(SEED)  # noqa: S311 - which merchant is no secret

    async def warm_up(self) -> None:
        """Every merchant has its account, and every connection its plans; nothing waits to be folded."""
        await self._post(_payments([HOT, *self._merchants]))
        await self.fold()

    async def measure(self, measured: Measured, payments: int, *, hot: bool) -> None:
        """One phase: so many payments to the one merchant, or to all of them."""
        ready = _payments([HOT] * payments if hot else self._random.choices(self._merchants, k=payments))
        started = time.perf_counter()
        payment_ms = await self._post(ready)
        measured.add(payment_ms, time.perf_counter() - started)

    async def measure_with_refunds(self, measured: Measured, refunded: Refunded, payments: int) -> None:
        """A phase with one merchant from whom refunds take money all the while."""
        paying = asyncio.ensure_future(self.measure(measured, payments, hot=True))
        while not paying.done():
            refund = Refund(HOT)
            refunded.try_ms.append(await _timed(refund.hold, self._beside))
            refunded.confirm_ms.append(await _timed(refund.confirm, self._beside))
        await paying

    async def fold(self) -> None:
        """Nothing waits to be folded: no phase pays for what another one left."""
        await fold_everything(self._beside)

    async def _post(self, payments: Iterator[Payment]) -> list[float]:
        taken = await asyncio.gather(*(_write(writer, payments) for writer in self._writers))
        return [one_ms for some_ms in taken for one_ms in some_ms]


def _payments(merchant_ids: Sequence[str]) -> Iterator[Payment]:
    """Made before the clock starts."""
    return iter([Payment(merchant_id) for merchant_id in merchant_ids])


async def _write(writer: asyncpg.Connection, payments: Iterator[Payment]) -> list[float]:
    return [await _timed(payment.post, writer) for payment in payments]


async def _timed(call: Callable[[asyncpg.Connection], Awaitable[None]], connection: asyncpg.Connection) -> float:
    started = time.perf_counter()
    await call(connection)
    return (time.perf_counter() - started) * 1_000
