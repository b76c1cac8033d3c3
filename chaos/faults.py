"""Does to the stack what the timetable says, and makes it whole again."""

import asyncio
import time

from chaos.client import Payers
from chaos.plan import Plan
from chaos.shops import Shop
from chaos.stack import WORKERS, Stack
from chaos.trouble import Trouble

CHURNS = 3


class Faults:
    """The troubles of one seed; `injected` has those that befell the stack, `hit` the failpoints that ended a process."""

    def __init__(self, stack: Stack, plan: Plan, shops: list[Shop], payers: Payers) -> None:
        self.injected: list[Trouble] = []
        self.hit: list[str] = []
        self._stack = stack
        self._plan = plan
        self._shops = shops
        self._payers = payers

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
        """Everything runs, nothing is armed, every connection carries."""
        await self._stack.all_up()
        await self._payers.disarm()

    async def _at(self, moment: float, trouble: Trouble) -> None:
        await asyncio.sleep(max(0.0, moment - time.monotonic()))
        self.injected.append(trouble)
        match trouble.family:
            case "kill":
                await self._kill(trouble)
            case _:
                pass

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
