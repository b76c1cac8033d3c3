"""The merchant's side in tests: a webhook sink that records everything and answers as it is told."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from simulator.clock import rfc3339, wall
from simulator.connections import SlowResponse
from simulator.control import json_answer, limit_of
from simulator.database import Database
from simulator.dials import Dials
from simulator.fields import Fields
from simulator.journal import json_or_text
from simulator.refusals import ParamError
from simulator.webhook_signature import secret_bytes, verifies

PAGE = (Path(__file__).parent / "pages" / "sink.html").read_text()
EVENTS_MAX = 50_000
_TRIM_EVERY = 1_000
_STATUS = "sink_status"
_DELAY_MS = "sink_delay_ms"
_SECRET = "sink_secret"  # noqa: S105 - the dial's name


class Sink:
    """Records each POST in one transaction, then answers in the mode that was set."""

    def __init__(self, database: Database, dials: Dials, stopping: asyncio.Event) -> None:
        self._database = database
        self._dials = dials
        self._stopping = stopping

    async def receive(self, request: Request) -> Response:
        """Take one webhook."""
        body = await request.body()
        status, delay_ms = self._dials.read(_STATUS, 200), self._dials.read(_DELAY_MS, 0)
        self._record(request, body, status)
        answer = Response(status_code=status)
        return answer if delay_ms == 0 else SlowResponse(answer, delay_ms / 1000, self._stopping)

    async def events(self, request: Request) -> Response:
        """List what came, newest first."""
        webhook_id, limit = request.query_params.get("webhook_id"), limit_of(request)
        if webhook_id is None:
            rows = self._database.rows("SELECT * FROM sink_events ORDER BY event_id DESC LIMIT ?", limit)
        else:
            of_one = "SELECT * FROM sink_events WHERE webhook_id = ? ORDER BY event_id DESC LIMIT ?"
            rows = self._database.rows(of_one, webhook_id, limit)
        return json_answer([_event(row) for row in rows])

    async def forget(self, _request: Request) -> Response:
        """Drop everything that came."""
        with self._database.transaction():
            deleted = self._database.execute("DELETE FROM sink_events").rowcount
        return json_answer({"deleted": deleted})

    async def mode(self, request: Request) -> Response:
        """Set how webhooks are answered; a field that is not there keeps its value."""
        fields = Fields(await request.body())
        status, delay_ms = fields.optional_integer("status", least=200), fields.optional_integer("delay_ms", least=0)
        if status is not None and status > 599:  # noqa: PLR2004 - the last HTTP status
            raise ParamError("status must be 200 to 599")
        for name, value in ((_STATUS, status), (_DELAY_MS, delay_ms)):
            if value is not None:
                self._dials.turn(name, value)
        return await self.show_mode(request)

    async def show_mode(self, _request: Request) -> Response:
        """Tell how webhooks are answered."""
        status, delay_ms = self._dials.read(_STATUS, 200), self._dials.read(_DELAY_MS, 0)
        return json_answer({"status": status, "delay_ms": delay_ms})

    async def secret(self, request: Request) -> Response:
        """Verify signatures with this secret from now on; null stops it."""
        secret = Fields(await request.body()).optional_text("secret")
        if secret is not None:
            secret_bytes(secret)
        self._dials.turn(_SECRET, secret)
        return json_answer({"verifying": secret is not None})

    async def page(self, _request: Request) -> Response:
        """Show what came."""
        return HTMLResponse(PAGE)

    def _record(self, request: Request, body: bytes, status: int) -> None:
        headers = dict(request.headers)
        secret: str | None = self._dials.read(_SECRET, None)
        row = {
            "received_at": wall(),
            "path": request.url.path,
            "webhook_id": headers.get("webhook-id"),
            "headers": orjson.dumps(headers).decode(),
            "body": body.decode("utf-8", "replace"),
            "status_answered": status,
            "verified": None if secret is None else verifies(secret, headers, body),
        }
        with self._database.transaction():
            newest = self._database.insert("sink_events", row).lastrowid or 0
            if newest % _TRIM_EVERY == 0:
                self._database.execute("DELETE FROM sink_events WHERE event_id <= ?", newest - EVENTS_MAX)


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "received_at": rfc3339(row["received_at"]),
        "path": row["path"],
        "headers": orjson.loads(row["headers"]),
        "body": json_or_text(row["body"]),
        "status_answered": row["status_answered"],
        "verified": None if row["verified"] is None else bool(row["verified"]),
    }


def sink_routes(database: Database, dials: Dials, stopping: asyncio.Event) -> list[Route]:
    """Give the control routes and, last, every other POST."""
    sink = Sink(database, dials, stopping)
    return [
        Route("/", sink.page, methods=["GET"]),
        Route("/events", sink.events, methods=["GET"]),
        Route("/events", sink.forget, methods=["DELETE"]),
        Route("/mode", sink.mode, methods=["POST"]),
        Route("/mode", sink.show_mode, methods=["GET"]),
        Route("/secret", sink.secret, methods=["POST"]),
        Route("/{path:path}", sink.receive, methods=["POST"]),
    ]
