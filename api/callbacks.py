"""Notifications from channels: verified, stored, passed on, and answered in the channel's own words (law 8)."""

import asyncio
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request, Response
from temporalio.service import RPCError

from activities.attempts import channel_account
from api.callback_rows import Kept, Received, keep_callback
from api.documentation import problems
from api.fields import IdInPath
from api.services import FromServices, Services
from channels.base import Ack, Inbound
from channels.errors import CallbackRefused
from domain.errors import BodyTooLarge, NotFound, Unavailable

BODY_MAX_BYTES = 256 * 1024
SIGNAL_LIMIT_S = 2
SIGNAL = "callback"

router = APIRouter(prefix="/callbacks", tags=["callbacks"])
_log = structlog.get_logger("callbacks")


@router.post("/{channel}/{channel_account_id}", response_class=Response, responses=problems(NotFound))
@router.get(
    "/{channel}/{channel_account_id}",
    response_class=Response,
    responses=problems(NotFound),
    operation_id="receive_callback_by_query",
)
async def receive_callback(
    channel: IdInPath, channel_account_id: IdInPath, request: Request, services: FromServices
) -> Response:
    """Take a channel's notification; for channels, not for businesses. The answer is the channel's own format."""
    body = await request.body()
    if len(body) > BODY_MAX_BYTES:
        raise BodyTooLarge("a notification may have 256 KiB")
    return _acknowledge(await take(services, channel, channel_account_id, inbound=_inbound(request, body)))


async def take(services: Services, channel: str, account_id: str, *, inbound: Inbound) -> Ack:
    """What the channel is answered: its own yes once the notification is stored, its own no when it proves nothing."""
    opened = await services.accounts.get(account_id)
    if opened.row.channel != channel:
        raise NotFound("there is no such channel account")
    adapter, account = services.channels.channel(channel), channel_account(opened)
    try:
        callback = adapter.parse_callback(account, inbound)
    except CallbackRefused as refused:
        _log.warning("callback_refused", reason=refused.code, channel_account_id=account_id)
        return adapter.ack_fail
    is_proof = adapter.capabilities(account).callback_is_proof
    received = Received(account_id, channel, inbound, callback, is_proof)
    async with services.database.transaction("callback.keep", callback.out_no) as session:
        kept = await keep_callback(session, received)
    await _pass_on(services, kept)
    return callback.ack_ok


async def _pass_on(services: Services, kept: Kept) -> None:
    """The workflow knows, if it can be reached within two seconds; otherwise the poll or the watch finds the row."""
    log = _log.bind(callback_id=kept.callback_id, verdict=kept.verdict)
    if kept.workflow_id is None:
        log.info("callback_kept")
        return
    structlog.contextvars.bind_contextvars(workflow_id=kept.workflow_id)
    try:
        async with asyncio.timeout(SIGNAL_LIMIT_S):
            client = await services.temporal.client()
            await client.get_workflow_handle(kept.workflow_id).signal(SIGNAL, kept.callback_id)
    except (TimeoutError, RPCError, Unavailable) as error:
        log.warning("callback_not_passed_on", reason=type(error).__name__)
    else:
        log.info("callback_passed_on")


def _inbound(request: Request, body: bytes) -> Inbound:
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope["query_string"]
    return Inbound(
        method=request.method,
        path_and_query=(path + (b"?" + query if query else b"")).decode("latin-1"),
        headers=dict(request.headers),
        body=body,
        received_at=datetime.now(UTC),
    )


def _acknowledge(ack: Ack) -> Response:
    return Response(ack.body, status_code=ack.status, media_type=ack.content_type)
