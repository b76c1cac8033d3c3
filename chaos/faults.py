"""Does to the stack what the timetable says, and makes it whole again."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
from temporalio.service import RPCError

from chaos.arming import Arming
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

CHURNS = 3
DELAY_MS = 120
SLOW_MS = 2_500
LATE_S = 1.5
LISTENED_TO = 100
REFILL_S = 0.01
#: So much longer the load's troubles stay, for points that lie at the end of a wait.
POINTS_WAIT_S = 1.5
LOOK_EVERY_S = 0.1


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
        self._arming = Arming(stack.points.values())
        #: What an enemy sent and we acknowledged.
        self.believed: list[str] = []

    @property
    def hit(self) -> list[str]:
        """The failpoints that ended a process."""
        return self._arming.hit

    async def before(self) -> None:
        """The channel behaves as the plan says."""
        dials = {"refund_ms": self._plan.refund_ms, "transfer_ms": self._plan.transfer_ms}
        await self._payers.act("/_sim/mode", dials)

    async def run(self) -> None:
        """Every trouble came at its time, and the load's time is over."""
        began = time.monotonic()
        watching = asyncio.create_task(self._arming.watch())
        try:
            async with asyncio.TaskGroup() as tasks:
                for trouble in self._plan.troubles:
                    tasks.create_task(self._at(began + trouble.at_s, trouble))
                tasks.create_task(asyncio.sleep(self._plan.load_s))
            while self._arming.waiting and time.monotonic() < began + self._plan.load_s + POINTS_WAIT_S:
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            watching.cancel()

    async def heal(self) -> None:
        """Everything runs, nothing is armed, every connection carries, clocks are right."""
        self._arming.disarm()
        self._stack.routes.heal()
        self._stack.clocks.right()
        if self._stack.disk is not None:
            self._stack.disk.free()
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
            "schedule": self._trigger,
            "disk": self._fill,
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
        """A clock jumped: the channel's, or that of one of our processes."""
        if trouble.target == "simulator":
            self._skewed = True
            await self._payers.act("/_sim/clock", {"advance_s": trouble.number})
            return True
        self._stack.clocks.move(trouble.target, trouble.number)
        return self._stack.clocks.movable

    async def _arm(self, trouble: Trouble) -> bool:
        """The first process that comes by so often ends there."""
        self._arming.arm([trouble.detail], visit=trouble.number)
        return True

    async def _fill(self, trouble: Trouble) -> bool:
        """PostgreSQL can write nothing for a while; False where it has no disk of its own."""
        if self._stack.disk is None:
            return False
        while not self._stack.disk.fill():
            await asyncio.sleep(REFILL_S)
        await asyncio.sleep(trouble.for_s)
        self._stack.disk.free()
        return True

    async def _trigger(self, trouble: Trouble) -> bool:
        """What is due once an hour runs now; False where Temporal does not answer."""
        try:
            temporal = await Witness(self._stack, self._shops).temporal()
            await temporal.get_schedule_handle(trouble.target).trigger()
        except (RuntimeError, RPCError):
            return False
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
