"""One seed: load with faults, heal, drain, judge."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chaos.answers import AnswerFile
from chaos.client import Client, Payers
from chaos.faults import Faults
from chaos.journeys import Journeys
from chaos.judge import Verdict, judged
from chaos.plan import Plan
from chaos.result import Result, injected, result_of
from chaos.shops import Onboarding, Shop
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

    async def run(self, *, everything: bool = False) -> Result:
        """What was judged; `everything` asks the invariants of all that was ever written."""
        began = time.monotonic()
        since = datetime.now(UTC) - CLOCKS_AGREE
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "plan.json").write_text(self.plan.model_dump_json(indent=1))
        mark = f"{self.plan.seed}-{int(time.time())}"
        opening = Onboarding(self.stack)
        shops = [await opening.open(merchant, f"{mark}-{merchant.name}") for merchant in self.plan.merchants]
        kept, payers = AnswerFile.create(self.folder / "answers.jsonl"), Payers(self.stack.plan.addresses.simulator)
        api = self.stack.routes.api
        clients = [Client(api, shop, kept, merchant=number) for number, shop in enumerate(shops)]
        faults = Faults(self.stack, self.plan, shops, payers)
        try:
            hostile_url = self.sinks.url(self.plan.hostility) if self.plan.hostility else None
            drained = await self._phases(Journeys(mark, clients, payers, hostile_url), faults, shops)
            truth = await Witness(self.stack, shops).truth(kept, clients, payers, None if everything else since)
        finally:
            kept.close()
            await payers.close()
            for client in clients:
                await client.close()
        truth = truth.model_copy(update={"believed": faults.believed})
        verdicts = judged(truth)
        self._keep(truth, verdicts)
        took_s = round(time.monotonic() - began, 1)
        return result_of(self.plan, truth, verdicts, injected(faults.injected, faults.hit, took_s, drained))

    async def _phases(self, journeys: Journeys, faults: Faults, shops: list[Shop]) -> float:
        """Loaded, healed and drained; answers how many seconds the drain took."""
        await faults.before()
        customers = [asyncio.create_task(journeys.run(one)) for one in self.plan.journeys]
        try:
            await faults.run()
            await faults.heal()
            journeys.healed.set()
            return await self._drained(journeys, Witness(self.stack, shops))
        finally:
            for one in customers:
                one.cancel()
            await asyncio.gather(*customers, return_exceptions=True)

    async def _drained(self, journeys: Journeys, witness: Witness) -> float:
        """Everything has ended, or the time is over; answers the seconds. A customer's own fault is raised."""
        healed = time.monotonic()
        while time.monotonic() - healed < DRAIN_LIMIT_S:
            journeys.check()
            if not journeys.busy and not await witness.left() and not await witness.running():
                break
            await asyncio.sleep(LOOK_EVERY_S)
        return round(time.monotonic() - healed, 1)

    def _keep(self, truth: Truth, verdicts: tuple[Verdict, ...]) -> None:
        """What a failed seed leaves behind, for whoever looks for the reason."""
        broken = [one for one in verdicts if one.breaches]
        if broken:
            (self.folder / "truth.json").write_text(truth.model_dump_json())
            said = [f"{one.rule}\n" + "".join(f"  {breach}\n" for breach in one.breaches) for one in broken]
            (self.folder / "breaches.txt").write_text("\n".join(said))
