"""The peer's stack: the same PostgreSQL, simulator and sink, its own API and worker, and no Temporal."""

from collections.abc import Callable

from bench.peers.dbos_names import DATABASE as ENGINE_DATABASE
from bench.peers.dbos_names import INLINE
from bench.stack import BenchStack
from devstack.child import Child
from devstack.plan import DATABASE, Programs
from devstack.postgres import APP_ROLE
from devstack.servers import run_once


class DbosStack(BenchStack):
    """As many processes of ours as beside Temporal: one API, one worker. `inline`: payments run in the API."""

    def __init__(self, say: Callable[[str], None], *, inline: bool = False) -> None:
        words = [INLINE] if inline else []
        programs = Programs(
            api=["-m", "bench.peers.dbos_api", *words], worker=["-m", "bench.peers.dbos_worker", *words]
        )
        super().__init__(say, programs)

    def start_engine(self) -> None:
        """PostgreSQL answers, our database is at the newest revision, and the engine has an empty one of its own."""
        self.up(self.postgres)
        self.postgres.create_database(DATABASE)
        self.postgres.sql(f"CREATE DATABASE {ENGINE_DATABASE} OWNER {APP_ROLE};")
        run_once(Child(self.plan.migrate()))

    def start_centre(self) -> None:
        """Simulator, worker and API answer; the worker comes first, because it makes the engine's tables."""
        for server in (self.simulator, self.worker, self.api):
            self.up(server)
