import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial

from devstack.child import Child
from devstack.errors import ChildError
from devstack.plan import DATABASE, Plan
from devstack.ports import port_answers
from devstack.restarts import Restarts
from devstack.servers import Program, Server, run_once
from devstack.temporal import TemporalServer

WATCH_EVERY_S = 0.2


class Stack:
    """Every process of one `make up`: started in the order of need, watched, stopped in the opposite order.

    Servers are started in threads of the event loop's pool. These last as long as the loop, which is what the
    children's lives are tied to.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.plan = plan
        self._say = say
        self._api = Program(plan.api(), lambda: _answers_ok(f"{plan.addresses.api}/readyz"))
        self._worker = Program(plan.worker(), plan.ready_file.exists, before=self._forget_ready_file)
        self._simulator = Program(plan.simulator(), self._simulator_answers)
        self._temporal = None if plan.settings.temporal_address else self._temporal_server()
        self._once: list[Child] = []
        self._running: list[Server] = []
        self._threads: set[asyncio.Task[object]] = set()
        self._restarts = Restarts()

    @property
    def pids(self) -> dict[str, int]:
        """The process of each running part, by its name."""
        return {server.child.command.name: server.child.pid for server in self._running}

    async def start(self) -> None:
        """Everything is ready. Raises `ChildError`; the caller stops what runs by then."""
        ours = (self._simulator, self._api, self._worker)  # each waits by itself for what it needs
        await asyncio.gather(self._database(), self._engine(), *(self._up(program) for program in ours))

    async def watch(self) -> None:
        """Starts again what ended by itself. Never returns; raises `RestartsError` when one ends too often."""
        repairs: dict[str, asyncio.Task[None]] = {}
        while True:
            for name in [name for name, repair in repairs.items() if repair.done()]:
                repairs.pop(name).result()
            for server in self._running:
                name = server.child.command.name
                if name not in repairs and not server.child.alive:
                    repairs[name] = asyncio.create_task(self._start_again(server))
            await asyncio.sleep(WATCH_EVERY_S)

    async def stop(self) -> None:
        """Everything this stack started has ended, those that need others before those they need."""
        self._running.clear()
        parts = [self._api, self._worker, self._simulator, self._temporal, self.plan.postgres]
        servers: list[Server] = [part for part in parts if part is not None]
        await asyncio.to_thread(self._stop_all, servers)
        await asyncio.gather(*self._threads, return_exceptions=True)  # a start that was under way may come late
        await asyncio.to_thread(self._stop_all, servers)

    async def _database(self) -> None:
        postgres = self.plan.postgres
        if postgres:
            await self._up(postgres)
            await self._in_thread(partial(postgres.create_database, DATABASE))
        if self.plan.addresses.owner_database_url:
            await self._run_once(Child(self.plan.migrate()), "the database's schema is up to date")
        else:
            self._say("PAYSAGA_OWNER_DATABASE_URL is not set: the database's schema is taken as it is")

    async def _engine(self) -> None:
        if self._temporal:
            await self._up(self._temporal)
        await self._run_once(Child(self.plan.prepare()), "search attributes and schedules are registered")

    async def _up(self, server: Server) -> None:
        name = server.child.command.name
        self._say(f"{name} is starting")
        await self._in_thread(server.start)
        self._running.append(server)
        self._say(f"{name} is ready (process {server.child.pid})")

    async def _run_once(self, child: Child, done: str) -> None:
        self._once.append(child)
        await self._in_thread(partial(run_once, child))
        self._say(done)

    async def _in_thread(self, work: Callable[[], object]) -> None:
        """Done. When the waiting is cancelled, the thread goes on and `stop` waits for it."""
        thread = asyncio.create_task(_threaded(work))
        self._threads.add(thread)
        await asyncio.shield(thread)
        self._threads.discard(thread)

    async def _start_again(self, server: Server) -> None:
        child = server.child
        self._say(f"{child.command.name} {child.ending()}. The end of its log:\n{child.log_tail()}")
        self._restarts.count(child.command.name)
        try:
            await self._in_thread(server.start)
        except ChildError as failure:  # seen again, and counted again, at the next look
            self._say(str(failure))
        else:
            self._say(f"{child.command.name} is ready again (process {child.pid})")

    def _stop_all(self, servers: Sequence[Server]) -> None:
        for child in self._once:
            child.stop()
        for server in servers:
            if server.child.alive:
                server.stop()
                self._say(f"{server.child.command.name} has stopped")

    def _temporal_server(self) -> TemporalServer:
        settings, state = self.plan.settings, self.plan.state
        metrics = settings.temporal_metrics_port
        return TemporalServer(
            state.path / "temporal",
            settings.temporal_port,
            ui_port=settings.temporal_ui_port,
            extra_args=["--metrics-port", str(metrics)] if metrics else [],
            log=state.log("temporal"),
        )

    def _forget_ready_file(self) -> None:
        self.plan.ready_file.unlink(missing_ok=True)

    def _simulator_answers(self) -> bool:
        return port_answers(self.plan.settings.simulator_port) and port_answers(self.plan.settings.sink_port)


async def _threaded(work: Callable[[], object]) -> object:
    return await asyncio.to_thread(work)


def _answers_ok(url: str) -> bool:
    """Whether the address answers with success. Proxies of the environment are not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
