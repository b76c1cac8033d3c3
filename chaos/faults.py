"""Does to the stack what the timetable says, and makes it whole again."""

import asyncio
import time
from collections import Counter

from chaos.client import Payers
from chaos.links import Way
from chaos.mischief import Mischief, spoil
from chaos.pg_wire import Cut
from chaos.plan import Plan
from chaos.shops import Shop
from chaos.stack import WORKERS, Stack
from chaos.trouble import Trouble
from chaos.witness import Witness
from store.failpoint_file import arm, fired

CHURNS = 3
DELAY_MS = 120
SLOW_MS = 2_500
LATE_S = 1.5


class Faults:
    """The troubles of one seed; `injected` has those that befell the stack."""

    def __init__(self, stack: Stack, plan: Plan, shops: list[Shop], payers: Payers) -> None:
        self.injected: list[Trouble] = []
        self._stack = stack
        self._plan = plan
        self._shops = shops
        self._payers = payers
        self._sinks = Payers(stack.plan.addresses.sink)
        self._skewed = False
        self._fired_before = self._fired()

    @property
    def hit(self) -> list[str]:
        """The failpoints that ended a process."""
        return list((Counter(self._fired()) - Counter(self._fired_before)).elements())

    async def before(self) -> None:
        """The channel behaves as the plan says."""
        dials = {"refund_ms": self._plan.refund_ms, "transfer_ms": self._plan.transfer_ms}
        await self._payers.act("/_sim/mode", dials)

    async def run(self) -> None:
        """Every trouble came at its time, and the load's time is over."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for trouble in self._plan.troubles:
                tasks.create_task(self._at(began + trouble.at_s, trouble))
            tasks.create_task(asyncio.sleep(self._plan.load_s))

    async def heal(self) -> None:
        """Everything runs, nothing is armed, every connection carries, clocks are right."""
        for file in self._stack.points.values():
            arm(file, "")
        self._stack.routes.heal()
        if self._skewed:
            self._stack.kill("simulator")  # its clock is right again when it comes back
        await self._stack.all_up()
        await self._payers.disarm()
        await self._sinks.close()

    async def _at(self, moment: float, trouble: Trouble) -> None:
        await asyncio.sleep(max(0.0, moment - time.monotonic()))
        self.injected.append(trouble)
        match trouble.family:
            case "kill":
                await self._kill(trouble)
            case "wire":
                await self._break(trouble)
            case "point":
                action = "kill" if trouble.number == 1 else f"kill:{trouble.number}"
                for file in self._stack.points.values():
                    arm(file, f"{trouble.detail}={action}")
            case "commit":
                cut = Cut.AFTER_COMMIT if trouble.detail == "after commit" else Cut.BEFORE_COMMIT
                self._stack.routes.commits[trouble.target].cut_commit(cut, nth=trouble.number)
            case "channel":
                await self._misbehave(trouble)
            case "clock":
                self._skewed = True
                await self._payers.act("/_sim/clock", {"advance_s": trouble.number})
            case "sink":
                await self._sink(trouble)
            case "operator":
                await self._spoil(trouble)
            case _:
                pass

    def _fired(self) -> list[str]:
        return [point for file in self._stack.points.values() for point in fired(file)]

    async def _spoil(self, trouble: Trouble) -> None:
        """An operator's hand falls on so many workflows of objects that are open, the newest first."""
        witness = Witness(self._stack, self._shops)
        temporal = await witness.temporal()
        for workflow_id in (await witness.newest())[: trouble.number]:
            await spoil(temporal, workflow_id, Mischief(trouble.detail))

    async def _break(self, trouble: Trouble) -> None:
        """The wire is broken for a while; when two troubles meet on it, the first that ends heals it."""
        wire = self._stack.routes.wires[trouble.target]
        match trouble.detail:
            case "cut":
                wire.cut()
            case "stall":
                wire.stall()
            case "half_open":
                wire.half_open(Way.REQUESTS)
            case "deaf":
                wire.half_open(Way.ANSWERS)
            case _:
                wire.delay(DELAY_MS)
        await asyncio.sleep(trouble.for_s)
        wire.open()

    async def _misbehave(self, trouble: Trouble) -> None:
        """The channel misbehaves at the next calls. Callbacks are lost where nobody pays an order that was closed."""
        fault = {"op": trouble.target, "do": trouble.detail, "times": trouble.number}
        if trouble.detail == "lost":
            fault["app_id"] = self._shops[-1].app_id
        if trouble.detail in {"late", "slow", "accept_then_timeout"}:
            fault["delay_s"] = LATE_S
        await self._payers.act("/_sim/fault", fault)

    async def _sink(self, trouble: Trouble) -> None:
        mode = {"status": 500} if trouble.detail == "status_500" else {"delay_ms": SLOW_MS}
        await self._sinks.act("/mode", mode)
        await asyncio.sleep(trouble.for_s)
        await self._sinks.act("/mode", {"status": 200, "delay_ms": 0})

    async def _kill(self, trouble: Trouble) -> None:
        match trouble.target:
            case "workers":
                for name in WORKERS:
                    self._stack.kill(name, down_s=trouble.for_s)
            case "churn":
                for turn in range(CHURNS):
                    self._stack.kill(WORKERS[turn % 2])
                    await asyncio.sleep(0.7)
            case _:
                self._stack.kill(trouble.target, down_s=trouble.for_s)
