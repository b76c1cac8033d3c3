"""One seed: load with faults, heal, drain, judge."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chaos.answers import AnswerFile
from chaos.client import Client, Payers
from chaos.faults import Faults
from chaos.journeys import Journeys
from chaos.judge import Verdict, judged
from chaos.plan import Plan
from chaos.result import Result, injected, result_of
from chaos.shops import Onboarding
from chaos.sinks import HostileSink
from chaos.stack import Stack
from chaos.truth import Truth
from chaos.witness import Witness

DRAIN_LIMIT_S = 60.0
LOOK_EVERY_S = 0.25
CLOCKS_AGREE = timedelta(seconds=2)


@dataclass
class Run:
    """One seed on the standing stack; its folder has the plan and the answers, and keeps the rest when it failed."""

    stack: Stack
    plan: Plan
    folder: Path
    sinks: HostileSink
    _since: float = field(default_factory=time.monotonic)
    _last: str = ""
    _phases_s: dict[str, float] = field(default_factory=dict)

    async def run(self, *, everything: bool = False) -> Result:
        """What was judged; `everything` asks the invariants of all that was ever written."""
        since = None if everything else datetime.now(UTC) - CLOCKS_AGREE
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "plan.json").write_text(self.plan.model_dump_json(indent=1))
        mark = f"{self.plan.seed}-{int(time.time())}"
        opening = Onboarding(self.stack)
        shops = await asyncio.gather(*(opening.open(one, f"{mark}-{one.name}") for one in self.plan.merchants))
        self._lap("opened")
        kept, payers = AnswerFile.create(self.folder / "answers.jsonl"), Payers(self.stack.plan.addresses.simulator)
        api, witness = self.stack.routes.api, Witness(self.stack, shops)
        clients = [Client(api, shop, kept, merchant=number) for number, shop in enumerate(shops)]
        faults = Faults(self.stack, self.plan, shops, payers)
        try:
            hostile_url = self.sinks.url(self.plan.hostility) if self.plan.hostility else None
            await self._phases(Journeys(mark, clients, payers, hostile_url), faults, witness)
            truth = await witness.truth(kept, clients, payers, since)
        finally:
            kept.close()
            await payers.close()
            for client in clients:
                await client.close()
        truth = truth.model_copy(update={"believed": faults.believed})
        verdicts = judged(truth)
        self._keep(truth, verdicts)
        self._lap("judged")
        result = result_of(self.plan, truth, verdicts, injected(faults.injected, faults.hit))
        return result.model_copy(update={"phases": self._phases_s, "last": self._last})

    async def _phases(self, journeys: Journeys, faults: Faults, witness: Witness) -> None:
        """Loaded, healed and drained."""
        await faults.before()
        customers = [asyncio.create_task(journeys.run(one)) for one in self.plan.journeys]
        try:
            await faults.run()
            self._lap("loaded")
            await faults.heal()
            self._lap("healed")
            journeys.healed.set()
            await self._drained(journeys, witness)
            self._lap("drained")
        finally:
            for one in customers:
                one.cancel()
            await asyncio.gather(*customers, return_exceptions=True)

    async def _drained(self, journeys: Journeys, witness: Witness) -> None:
        """Everything has ended, or the time is over. A customer's own fault is raised."""
        ends_at = time.monotonic() + DRAIN_LIMIT_S
        while time.monotonic() < ends_at:
            journeys.check()
            left = await witness.left()
            waited_for = [*left, *(["customer"] if journeys.busy else [])]
            if not waited_for and not await witness.running():
                return
            self._last = ", ".join(waited_for) or "workflow"
            await asyncio.sleep(LOOK_EVERY_S)

    def _lap(self, phase: str) -> None:
        """The phase has ended now."""
        now = time.monotonic()
        self._phases_s[phase] = round(now - self._since, 1)
        self._since = now

    def _keep(self, truth: Truth, verdicts: tuple[Verdict, ...]) -> None:
        """What a failed seed leaves behind, for whoever looks for the reason."""
        broken = [one for one in verdicts if one.breaches]
        if broken:
            (self.folder / "truth.json").write_text(truth.model_dump_json())
            said = [f"{one.rule}\n" + "".join(f"  {breach}\n" for breach in one.breaches) for one in broken]
            (self.folder / "breaches.txt").write_text("\n".join(said))
