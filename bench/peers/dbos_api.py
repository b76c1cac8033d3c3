"""`python -m bench.peers.dbos_api`: our REST API, whose payments and callbacks go to dbos instead of Temporal.

With `--inline` the engine, and so every payment, runs in this process.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

import uvicorn
from dbos import DBOS, DBOSClient
from fastapi import Depends, FastAPI, Request, Response

from activities.attempts import channel_account
from activities.webhook_guard import WebhookGuard
from api.admission import Admission
from api.answers import answer
from api.app import ROUTERS
from api.auth import MerchantCaller
from api.bodies import PaymentBody
from api.callback_rows import Received, keep_callback
from api.idempotency import IdempotencyKey, request_hash
from api.json_bodies import JsonRouter
from api.logs import configure_logs
from api.problems import install_problems
from api.requests import AroundRequests
from api.routing import Wanted, route
from api.services import FromServices, Services
from api.settling import check_shape, settle
from api.temporal import TemporalConnection
from bench.peers.dbos_doors import Door, InlineDoor, QueueDoor
from bench.peers.dbos_launch import launch
from bench.peers.dbos_names import API, APPLICATION, INLINE, system_database_url
from bench.peers.dbos_steps import Steps
from channels.base import Ack, Inbound
from channels.errors import CallbackRefused
from channels.http import make_client
from channels.registry import Channels
from domain.errors import Unavailable
from domain.ids import new_payment_id
from domain.money import Money
from domain.objects import render_payment
from domain.states import Invoke
from settings import Settings
from store.database import Database
from store.reading import PaymentName, payment_snapshot
from store.requests import Claimed, PaymentClaim, claim_payment, keep_request
from store.secrets import SecretBox

POST_LIMIT_S = 8
CONNECTIONS_WAITING_MAX = 2_048

GRACE_S = 5

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

router = JsonRouter(tag="peer")


async def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


FromDoor = Annotated[Door, Depends(_door)]


@router.post("/v1/payments", status_code=201)
async def start_payment(
    body: PaymentBody, merchant_id: MerchantCaller, key: IdempotencyKey, services: FromServices, door: FromDoor
) -> Response:
    """The payment exists and runs; answered with what is known after at most eight seconds."""
    check_shape(body, services.guard)
    claimed = await _claim(services, merchant_id, body, key=key)
    await door.start(claimed.payment_id)
    await door.answered(claimed.payment_id, POST_LIMIT_S)
    async with services.database.reading() as session:
        snapshot = await payment_snapshot(session, PaymentName(claimed.payment_id, merchant_id))
    if snapshot is None:
        raise Unavailable("not opened yet; the same call continues it")
    return answer(render_payment(snapshot, with_pay=True), 201)


async def _claim(services: Services, merchant_id: str, body: PaymentBody, *, key: str | None) -> Claimed:
    """One transaction: the payment's numbers are claimed; a new one is settled and its request kept."""
    channel_minor = body.amount_minor - body.balance_minor
    money = Money(amount_minor=channel_minor, currency=body.currency)
    wanted = Wanted(money, body.invoke or Invoke.QR, body.channel)
    account = await route(services, merchant_id, wanted) if channel_minor else None
    claim = PaymentClaim(
        merchant_id=merchant_id,
        order_no=body.order_no,
        request_hash=request_hash(body),
        new_id=new_payment_id(),
        key=key,
    )
    async with services.database.transaction("payment.claim", claim.new_id) as session:
        claimed = await claim_payment(session, claim)
        if not claimed.replayed:
            order = await settle(session, merchant_id, body, account)
            await keep_request(session, claimed.payment_id, merchant_id, order)
    return claimed


@router.post("/callbacks/{channel}/{channel_account_id}")
async def receive_callback(
    channel: str, channel_account_id: str, request: Request, services: FromServices, door: FromDoor
) -> Response:
    """Verified, stored, and told to the workflow by a durable message."""
    opened = await services.accounts.get(channel_account_id)
    adapter, account = services.channels.channel(channel), channel_account(opened)
    inbound = await _inbound(request)
    try:
        callback = adapter.parse_callback(account, inbound)
    except CallbackRefused:
        return _acknowledge(adapter.ack_fail)
    is_proof = adapter.capabilities(account).callback_is_proof
    async with services.database.transaction("callback.keep", callback.out_no) as session:
        kept = await keep_callback(session, Received(channel_account_id, channel, inbound, callback, is_proof))
    if kept.workflow_id is not None:
        await door.tell(kept.workflow_id, kept.callback_id)
    return _acknowledge(callback.ack_ok)


def _acknowledge(ack: Ack) -> Response:
    return Response(ack.body, ack.status, media_type=ack.content_type)


async def _inbound(request: Request) -> Inbound:
    path, query = request.scope["raw_path"], request.scope["query_string"]
    return Inbound(
        method=request.method,
        path_and_query=(path + (b"?" + query if query else b"")).decode("latin-1"),
        headers=dict(request.headers),
        body=await request.body(),
        received_at=datetime.now(UTC),
    )


def create_app(settings: Settings, services: Services, *, inline: bool) -> FastAPI:
    """Our routes, with the peer's own before them."""
    app = FastAPI(strict_content_type=False, lifespan=_inside(settings) if inline else _outside(settings))
    app.state.services = services
    app.include_router(router)
    for module in ROUTERS:
        app.include_router(module.router)
    install_problems(app)
    app.add_middleware(AroundRequests)
    return app


def _inside(settings: Settings) -> Lifespan:
    """Payments run here; the engine takes from no queue."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        steps = Steps(settings)
        app.state.door = InlineDoor((await launch(settings, steps, API, ())).payment)
        yield
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=GRACE_S)
        await steps.close()

    return lifespan


def _outside(settings: Settings) -> Lifespan:
    """Payments run in the worker, which made the engine's tables before."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        client = DBOSClient(
            system_database_url=system_database_url(settings.require_database_url()),
            system_database_pool_size=settings.database_pool_size,
            use_listen_notify=True,
            application_name=APPLICATION,
        )
        # The client's calls run in threads: as many as it has connections, where Python would give it a few.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.database_pool_size))
        app.state.door = QueueDoor(client)
        yield
        await asyncio.to_thread(client.destroy)

    return lifespan


def services_of(settings: Settings) -> Services:
    """What our routes work with. No route that is called here asks Temporal."""
    return Services(
        database=Database.connect(settings.require_database_url(), pool_size=settings.database_pool_size),
        box=SecretBox(settings.require_secret_key()),
        temporal=TemporalConnection(settings.require_temporal_address(), settings.temporal_namespace),
        channels=Channels(make_client()),
        guard=WebhookGuard(allow_loopback=settings.development),
        public_url=settings.public_url.rstrip("/"),
        admission=Admission(turns=settings.writes_at_once, line_max=settings.writes_waiting),
        operator_key=settings.operator_key.get_secret_value() if settings.operator_key else None,
    )


def main() -> None:
    """Serves with the settings of the environment."""
    settings = Settings()
    configure_logs(settings.log_level)
    uvicorn.run(
        create_app(settings, services_of(settings), inline=INLINE in sys.argv),
        host=settings.api_host,
        port=settings.api_port,
        access_log=False,
        log_config=None,
        backlog=CONNECTIONS_WAITING_MAX,
        server_header=False,
    )


if __name__ == "__main__":
    main()
