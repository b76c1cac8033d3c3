"""The payment centre in the test's own process: real API, real worker, a Temporal namespace of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import uvicorn
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

import schedules
import worker
from activities.tracing import Tracing
from activities.webhook_guard import WebhookGuard
from api.admission import Admission
from api.app import create_app
from api.services import Services
from api.temporal import TemporalConnection
from channels.registry import Channels
from domain.ids import new_id
from settings import Settings
from store.database import Database
from store.secrets import SecretBox
from tests.support.servers import Addresses, free_port, own_database

OPERATOR_KEY = "operator-key-of-the-tests"
POOL = 16
RETENTION_S = 86_400


@dataclass(frozen=True)
class Centre:
    """What a test needs of a running centre."""

    addresses: Addresses
    settings: Settings
    temporal: Client
    database: Database
    http: httpx.AsyncClient
    parts: worker.WorkerParts | None = None

    @classmethod
    @asynccontextmanager
    async def running(cls, addresses: Addresses, *, with_worker: bool = True) -> AsyncIterator["Centre"]:
        """The centre serves; without a worker, the test starts one itself."""
        addresses = await own_database(addresses)
        settings = centre_settings(addresses, namespace=new_id("test"), api_port=free_port())
        await make_namespace(settings)
        async with AsyncExitStack() as stack:
            parts = await stack.enter_async_context(worker_running(settings)) if with_worker else None
            await stack.enter_async_context(api_running(settings))
            database = Database.connect(addresses.database_url, pool_size=POOL)
            stack.push_async_callback(database.close)
            client = await worker.connect(settings)
            http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=settings.public_url, timeout=15, trust_env=False)
            )
            yield cls(addresses, settings, client, database, http, parts)


def centre_settings(addresses: Addresses, *, namespace: str, api_port: int) -> Settings:
    """Settings as the environment would give them."""
    return Settings.model_validate(
        {
            "database_url": addresses.database_url,
            "database_pool_size": POOL,
            "temporal_address": addresses.temporal,
            "temporal_namespace": namespace,
            "api_port": api_port,
            "public_url": f"http://127.0.0.1:{api_port}",
            "operator_key": OPERATOR_KEY,
            "secret_key": addresses.secret_key,
            "development": True,
            "sweep_grace_s": 0,
        }
    )


async def make_namespace(settings: Settings) -> None:
    """The settings' namespace exists and has our search attributes; its schedules are the test's own matter."""
    client = await Client.connect(settings.require_temporal_address())
    retention = Duration(seconds=RETENTION_S)
    request = RegisterNamespaceRequest(
        namespace=settings.temporal_namespace, workflow_execution_retention_period=retention
    )
    await client.workflow_service.register_namespace(request)
    await _until_known(client, settings.temporal_namespace)
    await schedules.add_attributes(await worker.connect(settings))


async def _until_known(client: Client, namespace: str) -> None:
    """The server's caches learn of a new namespace within seconds."""
    while True:
        try:
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.05)
        else:
            return


@asynccontextmanager
async def worker_parts(settings: Settings) -> AsyncIterator[worker.WorkerParts]:
    """What workers are made of, closed afterwards."""
    parts = worker.WorkerParts(settings, await worker.connect(settings))
    try:
        yield parts
    finally:
        await parts.close()


@asynccontextmanager
async def worker_running(settings: Settings) -> AsyncIterator[worker.WorkerParts]:
    """A worker of every queue and the events loop run in this process."""
    stop = asyncio.Event()
    async with worker_parts(settings) as parts, AsyncExitStack() as stack:
        for queue in ("saga", "channel-sim", "payout-sim", "notify", "reconcile"):
            await stack.enter_async_context(worker.make_worker(parts, queue))
        feed = asyncio.create_task(parts.loop("events").run(stop))
        yield parts
        stop.set()
        await feed


@asynccontextmanager
async def api_running(settings: Settings) -> AsyncIterator[uvicorn.Server]:
    """The API answers on its port."""
    app = create_app(make_services(settings))
    server = uvicorn.Server(
        uvicorn.Config(app, port=settings.api_port, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done(), "the API did not start"
        await asyncio.sleep(0.01)
    yield server
    server.should_exit = True
    await serving


def make_services(settings: Settings) -> Services:
    """What the API's composition root makes."""
    operator_key = settings.operator_key
    return Services(
        database=Database.connect(settings.require_database_url(), pool_size=settings.database_pool_size),
        box=SecretBox(settings.require_secret_key()),
        temporal=TemporalConnection(
            settings.require_temporal_address(), settings.temporal_namespace, interceptors=[Tracing()]
        ),
        channels=Channels(httpx.AsyncClient(trust_env=False), sims=settings.sim_names),
        guard=WebhookGuard(allow_loopback=True),
        public_url=settings.public_url,
        admission=Admission(turns=settings.writes_at_once, line_max=settings.writes_waiting),
        operator_key=None if operator_key is None else operator_key.get_secret_value(),
    )


async def eventually(read: Any, wanted: Any, *, within: timedelta = timedelta(seconds=15)) -> Any:  # noqa: ANN401
    """What `read` answers once `wanted` accepts it; fails with the last answer when that takes too long."""
    last = None
    try:
        async with asyncio.timeout(within.total_seconds()):
            while not wanted(last := await read()):
                await asyncio.sleep(0.03)
    except TimeoutError:
        raise AssertionError(f"it never came: {last}") from None
    return last
