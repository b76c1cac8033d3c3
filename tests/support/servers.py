"""The real servers that all tests share, each started once: PostgreSQL, Temporal and the channel simulator."""

import asyncio
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from devstack.child import Child, Command
from devstack.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from devstack.temporal import TemporalServer
from store.migrate import migrate

DATABASE = "paysaga"
TEMPLATE = "paysaga_template"
VARIABLE = "PAYSAGA_TEST_SERVERS"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Addresses:
    """Where the session's servers are; travels to parallel test processes through the environment."""

    database_url: str
    owner_url: str
    temporal: str
    temporal_metrics: str
    simulator: str
    sink: str
    secret_key: str

    def publish(self) -> None:
        """Every process started from here on finds the servers."""
        os.environ[VARIABLE] = json.dumps(asdict(self))

    @classmethod
    def found(cls) -> "Addresses | None":
        """The servers that an earlier process started; None when this one is the first."""
        text = os.environ.get(VARIABLE)
        return None if text is None else cls(**json.loads(text))


# Statements end after 1.6 s; a shared disk that stalls in a flush for longer is not what a test is about.
_WITHOUT_THE_DISK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_DURABLE = {"synchronous_commit": "on"}
_DYNAMIC_CONFIG = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    # Whether a version of the workers is drained is looked at every three minutes otherwise.
    'matching.wv.VersionDrainageStatusRefreshInterval="1s"',
    'matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"',
)


async def own_database(addresses: Addresses) -> Addresses:
    """The same servers, and a database at the newest revision that nobody else uses."""
    name = f"paysaga_{secrets.token_hex(6)}"
    engine = create_async_engine(addresses.owner_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    await engine.dispose()
    return replace(
        addresses,
        database_url=addresses.database_url.replace(f"/{DATABASE}?", f"/{name}?"),
        owner_url=addresses.owner_url.replace(f"/{DATABASE}?", f"/{name}?"),
    )


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Servers:
    """Starts the servers in a folder of its own, and leaves nothing behind.

    `durable`: an acknowledged commit survives a kill of PostgreSQL, as in production; a test that kills it needs that.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="paysaga-tests-"))
        self.postgres = EmbeddedPostgres(
            self.folder / "postgres",
            settings=(_DURABLE if durable else _WITHOUT_THE_DISK) | {"max_connections": "300"},
        )
        self.metrics_port = free_port()
        flags = [word for value in _DYNAMIC_CONFIG for word in ("--dynamic-config-value", value)]
        flags += ["--metrics-port", str(self.metrics_port)]
        self.temporal = TemporalServer(self.folder / "temporal", free_port(), extra_args=flags)
        self.ports = (free_port(), free_port())
        self.simulator = Child(
            Command(
                "simulator",
                [sys.executable, "-m", "simulator", "--home", str(self.folder / "simulator"), *self._port_flags()],
                self.folder / "simulator.log",
                environment=dict(os.environ),
                folder=ROOT,
            )
        )

    def start(self) -> Addresses:
        """All answer, the database is at the newest revision."""
        self.simulator.start()
        self.temporal.spawn()
        self.postgres.start()
        self.postgres.create_database(TEMPLATE)
        asyncio.run(migrate(self.postgres.url(OWNER_ROLE, TEMPLATE)))
        self.postgres.sql(f"ALTER ROLE {OWNER_ROLE} CREATEDB; CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE}")
        self.temporal.wait_until_ready()
        return Addresses(
            database_url=self.postgres.url(APP_ROLE, DATABASE),
            owner_url=self.postgres.url(OWNER_ROLE, DATABASE),
            temporal=self.temporal.address,
            temporal_metrics=f"http://127.0.0.1:{self.metrics_port}/metrics",
            simulator=f"http://127.0.0.1:{self.ports[0]}",
            sink=f"http://127.0.0.1:{self.ports[1]}",
            secret_key=Fernet.generate_key().decode(),
        )

    def stop(self) -> None:
        """Everything started here has ended and its folder is gone."""
        self.simulator.stop()
        self.temporal.stop()
        self.postgres.stop()
        self.postgres.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _port_flags(self) -> list[str]:
        return ["--port", str(self.ports[0]), "--sink-port", str(self.ports[1])]
