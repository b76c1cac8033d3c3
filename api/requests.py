"""What holds around every request: an id, a bounded body, one access line."""

import re
import time
from collections import deque
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import observe_request
from api.problems import problem_response
from domain.errors import BodyTooLarge
from domain.ids import new_id

BODY_MAX_BYTES = 1_000_000
_SANE_REQUEST_ID = re.compile(r"^[0-9A-Za-z_-]{8,64}$")
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

_log = structlog.get_logger("api")


class AroundRequests:
    """Outermost but for the last resort: everything inside sees `request_id` in its logs and in `scope["state"]`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered and told."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answered = _Answered(send, request_id)
        started = time.perf_counter()
        try:
            await self._bounded(scope, receive, answered)
        finally:
            _tell(scope, answered.status, time.perf_counter() - started)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages = await _whole_body(scope, receive)
        if messages is None:
            await problem_response(BodyTooLarge(), scope["state"]["request_id"])(scope, receive, send)
            return

        async def replay() -> Message:
            return messages.popleft() if messages else await receive()

        await self._app(scope, replay, send)


class _Answered:
    """Passes the answer on, with the request's id in its headers, and remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            MutableHeaders(scope=message)["Request-Id"] = self._request_id
        await self._send(message)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("request-id", "")
    return given if _SANE_REQUEST_ID.match(given) else new_id("req")


async def _whole_body(scope: Scope, receive: Receive) -> deque[Message] | None:
    """The messages of the body; None when it is above the limit, of which no more than the limit was read."""
    messages: deque[Message] = deque()
    if scope["method"] in {"GET", "HEAD", "OPTIONS"}:
        return messages
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdecimal() and int(declared) > BODY_MAX_BYTES:
        return None
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > BODY_MAX_BYTES:
            return None
        if not message.get("more_body", False):
            return messages


def _tell(scope: Scope, status: int, seconds: float) -> None:
    route: Any = scope.get("route")
    template = getattr(route, "path", "unmatched")
    observe_request(scope["method"], template, status, seconds)
    if template in _QUIET_PATHS:
        return
    _log.info(
        "request", method=scope["method"], path=scope["path"], status=status, duration_ms=round(seconds * 1000, 1)
    )
