"""What the phases of one run share: the stack, the load, how much to do, and what was found out so far."""

import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.engine import Engine
from bench.errors import BenchError
from bench.loading import Loading
from bench.onboarding import onboarded, pay_after
from bench.results import Machine, Results
from bench.stack import LOOPS, QUEUES, BenchStack
from devstack.plan import ROOT

#: The payer takes a moment, so that POST answers while there is something to pay, and before we poll.
PAYER_TAKES_MS = 1_000
WARM_UP = 100
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Sizes:
    """How much one run does: payments of each load, payments and number of turns, and seconds of timed phases."""

    payments: int = 1_000
    turn: int = 300
    turns: int = 2
    counted: int = 200
    seconds: float = 10
    rate_s: float = 25
    stored_small: int = 10_000
    stored_large: int = 1_000_000
    quick: bool = False

    def quickly(self, share: int = 10) -> "Sizes":
        """A tenth of everything: for trying the bench itself, such figures mean little."""
        return Sizes(
            payments=self.payments // share,
            turn=self.turn // share,
            turns=self.turns,
            counted=self.counted // share,
            seconds=self.seconds / share,
            rate_s=self.rate_s / share,
            stored_small=self.stored_small // share,
            stored_large=self.stored_large // share // share,
            quick=True,
        )


class Bench:
    """One run. The centre starts with the first phase that needs it, because the floor is measured without it."""

    def __init__(self, stack: BenchStack, sizes: Sizes, *, results: Results, say: Callable[[str], None]) -> None:
        self.stack = stack
        self.sizes = sizes
        self.results = results
        self.say = say
        self._engine: Engine | None = None
        self._loading: Loading | None = None

    async def engine(self) -> Engine:
        """Temporal and PostgreSQL run."""
        if self._engine is None:
            self.stack.start_engine()
            self._engine = await Engine.connect(self.stack.temporal.address, self.stack.metrics_url)
        return self._engine

    async def loading(self) -> Loading:
        """The centre runs, with one worker that is warm, and its merchant is onboarded."""
        if self._loading is None:
            engine = await self.engine()
            self.stack.start_centre()
            self._loading = Loading(self.stack, engine, await onboarded(self.stack.plan))
            await self.payer_takes(0)
            await self.warm_up()
        return self._loading

    async def warm_up(self) -> None:
        """Whatever was started anew has its connections and plans."""
        loading = await self.loading()
        self.say("warming up")
        await loading.measure(loading.plan(f"warm-{os.urandom(3).hex()}", max(1, WARM_UP // self._share)))

    async def payer_takes(self, wait_ms: int) -> None:
        """How long each payer takes to pay."""
        await pay_after(self.stack.plan, wait_ms)

    async def employ(self, *duties: tuple[str, str]) -> None:
        """These workers, warm; without duties the one that does everything."""
        self.stack.employ(*(duties or [(QUEUES, LOOPS)]))
        await self.warm_up()

    def saturation_per_s(self) -> float:
        """Payments a second at saturation. Raises `BenchError` when no run has measured it."""
        if self.results.saturation is None:
            raise BenchError("This phase needs the phase `saturation`; name it too.")
        return self.results.saturation.payments_per_s

    @property
    def _share(self) -> int:
        return 10 if self.sizes.quick else 1


def machine(*, quick: bool) -> Machine:
    """Where and when, and of which commit."""
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, check=False)
    return Machine(
        taken_at=datetime.now(UTC),
        commit=asked.stdout.decode().strip() or "unknown",
        processors=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEGABYTE,
        python=platform.python_version(),
        quick=quick,
    )
