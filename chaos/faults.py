"""Does to the stack what the timetable says, and makes it whole again."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
from temporalio.service import RPCError

from chaos.callbacks import Attack, Enemy, Heard
from chaos.client import TIMEOUT_S, Payers
from chaos.links import Way
from chaos.mischief import Mischief, spoil
from chaos.pg_wire import Cut
from chaos.plan import Plan
from chaos.shops import Shop
from chaos.sinks import Hostility
from chaos.stack import WORKERS, Stack
from chaos.trouble import Family, Trouble
from chaos.witness import Witness
from store.failpoint_file import arm, fired

CHURNS = 3
DELAY_MS = 120
SLOW_MS = 2_500
LATE_S = 1.5
LISTENED_TO = 100


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
        self._armed: dict[str, str] = {}
        #: What an enemy sent and we acknowledged.
        self.believed: list[str] = []
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
        does: dict[Family, Callable[[Trouble], Awaitable[bool]]] = {
            "kill": self._kill,
            "wire": self._break,
            "point": self._arm,
            "commit": self._cut_commit,
            "channel": self._misbehave,
            "clock": self._skew,
            "sink": self._sink,
            "operator": self._spoil,
            "callback": self._attack,
        }
        if await does[trouble.family](trouble):
            self.injected.append(trouble)

    async def _cut_commit(self, trouble: Trouble) -> bool:
        """One of the next commits breaks its connection: before it arrives, or before its answer does."""
        cut = Cut.AFTER_COMMIT if trouble.detail == "after commit" else Cut.BEFORE_COMMIT
        self._stack.routes.commits[trouble.target].cut_commit(cut, nth=trouble.number)
        return True

    async def _skew(self, trouble: Trouble) -> bool:
        """The channel's clock is ahead."""
        self._skewed = True
        await self._payers.act("/_sim/clock", {"advance_s": trouble.number})
        return True

    def _fired(self) -> list[str]:
        return [point for file in self._stack.points.values() for point in fired(file)]

    async def _arm(self, trouble: Trouble) -> bool:
        """The first process that comes by so often ends there; each has a file of its own, so that several may."""
        action = "kill" if trouble.number == 1 else f"kill:{trouble.number}"
        self._armed |= dict.fromkeys(trouble.detail.split(","), action)
        points = ",".join(f"{point}={action}" for point, action in self._armed.items())
        for file in self._stack.points.values():
            arm(file, points)
        return True

    async def _spoil(self, trouble: Trouble) -> bool:
        """An operator's hand fell on the newest workflows of open objects; False where none answered."""
        witness = Witness(self._stack, self._shops)
        try:
            temporal = await witness.temporal()
            wanted = (await witness.newest())[: trouble.number]
            return any([await spoil(temporal, one, Mischief(trouble.detail)) for one in wanted])
        except (OSError, RuntimeError, RPCError, asyncpg.PostgresError):
            return False

    async def _attack(self, trouble: Trouble) -> bool:
        """An enemy sends what it made of the newest callbacks to these shops, through the wire that they came by."""
        entries = await self._payers.read(f"/_sim/journal?limit={LISTENED_TO}")
        accounts = [shop.channel_account_id for shop in self._shops]
        ours = [entry for entry in entries if any(account in entry["path"] for account in accounts)]
        url = self._stack.routes.of_callbacks
        async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False) as http:
            shots = await Enemy(http).attack(Heard.of(ours)[-trouble.number :], [Attack(trouble.detail)])
        self.believed += [f"{shot.attack} was acknowledged with {shot.status}" for shot in shots if shot.hit]
        return bool(shots)

    async def _break(self, trouble: Trouble) -> bool:
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
        return True

    async def _misbehave(self, trouble: Trouble) -> bool:
        """The channel misbehaves at the next calls. Callbacks are lost where nobody pays an order that was closed."""
        fault = {"op": trouble.target, "do": trouble.detail, "times": trouble.number}
        if trouble.detail == "lost":
            fault["app_id"] = self._shops[-1].app_id
        if trouble.detail in {"late", "slow", "accept_then_timeout"}:
            fault["delay_s"] = LATE_S
        await self._payers.act("/_sim/fault", fault)
        return True

    async def _sink(self, trouble: Trouble) -> bool:
        """The merchants' endpoint misbehaves for a while; a hostile address does so by itself, as it is called."""
        if trouble.detail in set(Hostility):
            return trouble.detail == self._plan.hostility
        mode = {"status": 500} if trouble.detail == "all refused" else {"delay_ms": SLOW_MS}
        await self._sinks.act("/mode", mode)
        await asyncio.sleep(trouble.for_s)
        await self._sinks.act("/mode", {"status": 200, "delay_ms": 0})
        return True

    async def _kill(self, trouble: Trouble) -> bool:
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
        return True
