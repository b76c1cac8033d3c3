"""By which wire each process reaches each other."""

from chaos.pg_wire import PostgresWire, socket_of, url_through
from chaos.proxy import Address, Wire
from devstack.plan import Plan
from devstack.ports import HOST

PROCESSES = ("api", "worker-1", "worker-2")


class Routes:
    """Every connection between two parties goes through a wire of its own, by the name `who-whom`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        settings = plan.settings
        database = socket_of(plan.addresses.database_url)
        self.commits = {f"{name}-postgres": PostgresWire(f"{name}-postgres", target=database) for name in PROCESSES}
        ports = {
            **{f"{name}-temporal": settings.temporal_port for name in PROCESSES},
            "centre-simulator": settings.simulator_port,
            "simulator-api": settings.api_port,
            "worker-sink": settings.sink_port,
            "client-api": settings.api_port,
        }
        targets: dict[str, Address] = {name: (HOST, port) for name, port in ports.items()}
        others = {name: Wire(name, target=target) for name, target in targets.items()}
        self.wires: dict[str, Wire] = {**self.commits, **others}

    @property
    def api(self) -> str:
        """Where clients reach the API."""
        return self._url("client-api")

    @property
    def simulator(self) -> str:
        """Where we reach the channel."""
        return self._url("centre-simulator")

    @property
    def sink(self) -> str:
        """Where webhooks are taken."""
        return self._url("worker-sink")

    @property
    def of_callbacks(self) -> str:
        """Where channels reach the API."""
        return self._url("simulator-api")

    def of(self, name: str) -> dict[str, str]:
        """What the process of that name is told."""
        wire = self.commits[f"{name}-postgres"]
        return {
            "PAYSAGA_DATABASE_URL": url_through(wire, self._plan.addresses.database_url),
            "PAYSAGA_TEMPORAL_ADDRESS": f"{HOST}:{self.wires[f'{name}-temporal'].port}",
            "PAYSAGA_PUBLIC_URL": self.of_callbacks,
        }

    async def open(self) -> None:
        """All wires carry."""
        for wire in self.wires.values():
            await wire.start()

    def heal(self) -> None:
        """Every wire carries everything again."""
        for wire in self.wires.values():
            wire.open()

    async def close(self) -> None:
        """No wire is left."""
        for wire in self.wires.values():
            await wire.close()

    def _url(self, name: str) -> str:
        return f"http://{HOST}:{self.wires[name].port}"
