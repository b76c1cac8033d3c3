"""Reads the truth when a seed has ended: from the database, the channel, the business's side and Temporal."""

import asyncio
import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url
from temporalio.client import Client as Temporal
from temporalio.service import RPCError, RPCStatusCode

from activities.verification import verify
from chaos.answers import AnswerFile
from chaos.client import Client, Payers
from chaos.journeys import AUTH_CODE, PAYEE, PAYEE_NAME
from chaos.shops import Shop
from chaos.stack import Stack
from chaos.truth import ENDS, TABLES, Rows, Truth, Webhook
from store.database import Database

HISTORIES_READ = 8
_OWN = "SELECT row_to_json(found) FROM {table} AS found WHERE merchant_id = ANY($1)"
_ATTEMPTS = (
    "SELECT row_to_json(a) FROM (SELECT a.out_no, a.payment_id, a.number, a.state, a.amount_minor FROM attempt a"
    " JOIN payment p ON p.id = a.payment_id WHERE p.merchant_id = ANY($1) ORDER BY a.out_no) AS a"
)
_CLEARING = (
    "SELECT split_part(account_id, ':', 2) AS owner, sum(amount_minor)::bigint AS minor FROM entry"
    " WHERE account_id = ANY($1) GROUP BY 1"
)
_FROZEN = (
    "SELECT row_to_json(found) FROM (SELECT id, frozen FROM account WHERE frozen <> 0"
    " AND (merchant_id = ANY($1) OR owner = ANY($1))) AS found"
)
_HOLDS = (
    "SELECT row_to_json(found) FROM (SELECT biz_id, account_id, amount_minor FROM hold WHERE state = 'held'"
    " AND account_id IN (SELECT id FROM account WHERE merchant_id = ANY($1) OR owner = ANY($1))) AS found"
)
_NEWEST = "SELECT id FROM saga_object WHERE merchant_id = ANY($1) AND NOT ended ORDER BY split_part(id, '_', 2) DESC"
_ENDED = "SELECT id FROM saga_object WHERE merchant_id = ANY($1) AND ended"
#: What a drain waits for. Sendings of unknown outcome whose next question is far away are left to the judge.
_LEFT = """
    WITH asked_later AS (
        SELECT id FROM payout WHERE leg_state = 'unknown' AND sends > 1 AND next_check_at > now() + interval '20 s'
        UNION ALL
        SELECT id FROM payment WHERE state = 'closing' AND certainty = 'unknown' AND updated_at < now() - interval '8 s'
        UNION ALL
        SELECT id FROM refund WHERE leg_state = 'unknown' AND sends > 1 AND next_check_at > now() + interval '20 s'
    )
    SELECT biz_type AS what, count(*) FROM saga_object
    WHERE merchant_id = ANY($1) AND NOT ended AND id NOT IN (SELECT id FROM asked_later) GROUP BY biz_type
    UNION ALL
    SELECT 'order paid unseen', count(*) FROM unnest($2::text[]) AS paid (out_no)
    WHERE NOT EXISTS (SELECT FROM attempt a WHERE a.out_no = paid.out_no AND a.state IN ('paid', 'returned'))
    UNION ALL
    SELECT 'event', count(*) FROM event WHERE merchant_id = ANY($1) AND handed_at IS NULL
    UNION ALL
    SELECT 'delivery', count(*) FROM delivery WHERE merchant_id = ANY($1) AND state = 'pending' AND url = ANY($3)
"""


class Witness:
    """Asks past every wire and every API, but for the feed of events."""

    def __init__(self, stack: Stack, shops: Sequence[Shop]) -> None:
        self._stack = stack
        self._shops = shops
        self._owners = [shop.merchant_id for shop in shops]
        self._database_url = stack.plan.addresses.database_url
        self._temporal: Temporal | None = None

    async def left(self) -> dict[str, int]:
        """What of these shops has not ended, by what it is, with paid orders that nobody here has seen."""
        connection, urls = await self._connection(), [shop.webhook_url for shop in self._shops]
        try:
            found = await connection.fetch(_LEFT, self._owners, self._paid_at_channel(), urls)
        finally:
            await connection.close()
        return {what: count for what, count in found if count}

    async def running(self) -> int:
        """How many objects have ended whose workflow is still open."""
        connection = await self._connection()
        try:
            ended = [row[0] for row in await connection.fetch(_ENDED, self._owners)]
        finally:
            await connection.close()
        temporal = await self.temporal()
        stand = dict(await asyncio.gather(*(_status(temporal, one) for one in ended)))
        return sum(status == "running" for status in stand.values())

    async def truth(self, kept: AnswerFile, clients: Sequence[Client], payers: Payers, since: datetime | None) -> Truth:
        """Everything, each part read once; the invariants look at what changed since then."""
        connection = await self._connection()
        try:
            rows = {table: await self._rows(connection, table) for table in TABLES}
            frozen = [*self._owners, *(shop.channel_account_id for shop in self._shops)]
            held = [json.loads(row[0]) for row in await connection.fetch(_FROZEN, frozen)]
            holds = [json.loads(row[0]) for row in await connection.fetch(_HOLDS, frozen)]
            clearing = await connection.fetch(_CLEARING, [_clearing(shop) for shop in self._shops])
        finally:
            await connection.close()
        ids = [row["id"] for table in ENDS for row in rows[table]]
        book = await payers.read("/_sim/book")
        temporal = await self.temporal()
        return Truth(
            shops=list(self._shops),
            answers=kept.answers,
            rows=rows,
            book={kind: book[kind] for kind in ("orders", "refunds", "transfers")},
            clearing={row["owner"]: row["minor"] for row in clearing},
            frozen=held,
            holds=holds,
            feeds={client.shop.merchant_id: await client.feed() for client in clients},
            webhooks=self._webhooks(),
            invariants=await self._invariants(since),
            workflows=dict(await asyncio.gather(*(_status(temporal, one) for one in ids))),
            leaks=await self._leaks(temporal, ids),
        )

    async def newest(self) -> list[str]:
        """The ids of the objects that have not ended, the newest first."""
        connection = await self._connection()
        try:
            return [row[0] for row in await connection.fetch(_NEWEST, self._owners)]
        finally:
            await connection.close()

    async def temporal(self) -> Temporal:
        """A client past every wire."""
        if self._temporal is None:
            self._temporal = await Temporal.connect(self._stack.temporal.address)
        return self._temporal

    async def _connection(self) -> Any:  # noqa: ANN401 - asyncpg has no types
        url = make_url(self._database_url)
        return await asyncpg.connect(user=url.username, database=url.database, host=str(url.query["host"]))

    async def _rows(self, connection: Any, table: str) -> Rows:  # noqa: ANN401
        query = _ATTEMPTS if table == "attempt" else _OWN.format(table=table)
        return [json.loads(row[0]) for row in await connection.fetch(query, self._owners)]

    async def _invariants(self, since: datetime | None) -> dict[str, Rows]:
        database = Database.connect(self._database_url, pool_size=1)
        try:
            report = await verify(database, since=since)
        finally:
            await database.close()
        return {one.invariant.name: list(one.rows) for one in report.verdicts}

    def _outside(self) -> AbstractContextManager[sqlite3.Connection]:
        """The simulator's own file, to read."""
        path = self._stack.plan.state.path / "simulator" / "simulator.sqlite3"
        return closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True))

    def _paid_at_channel(self) -> list[str]:
        apps = [shop.app_id for shop in self._shops]
        asked = f"SELECT out_no FROM orders WHERE state = 'paid' AND app_id IN ({', '.join('?' * len(apps))})"  # noqa: S608 - marks
        with self._outside() as book:
            return [out_no for (out_no,) in book.execute(asked, apps)]

    def _webhooks(self) -> list[Webhook]:
        """What the business received, from the sink's own file."""
        found: list[Webhook] = []
        with self._outside() as book:
            for shop in self._shops:
                asked = "SELECT headers, body FROM sink_events WHERE path = ? ORDER BY event_id"
                for headers, body in book.execute(asked, (f"/hook/{shop.merchant_id}",)):
                    found.append(_webhook(shop, json.loads(headers), body))
        return found

    async def _leaks(self, temporal: Temporal, ids: Sequence[str]) -> list[str]:
        """Which histories name what must not leave the database."""
        secrets = [PAYEE, PAYEE_NAME, AUTH_CODE]
        secrets += [secret for shop in self._shops for secret in (shop.api_key, shop.webhook_secret)]
        leaks = []
        for workflow_id in ids[:: max(1, len(ids) // HISTORIES_READ)]:
            try:
                written = str((await temporal.get_workflow_handle(workflow_id).fetch_history()).to_json())
            except RPCError:
                continue  # the rule of workflows tells of one that is not there
            plain = written + " ".join(_decoded(written))
            leaks += [f"{workflow_id} names {secret[:4]}…" for secret in secrets if secret in plain]
        return leaks


def _clearing(shop: Shop) -> str:
    return f"channel_clearing:{shop.channel_account_id}:CNY"


def _webhook(shop: Shop, headers: dict[str, str], body: str) -> Webhook:
    event_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    key = base64.b64decode(shop.webhook_secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{at}.{body}".encode(), hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    verified = expected in headers.get("webhook-signature", "").split(" ")
    return Webhook(merchant_id=shop.merchant_id, event_id=event_id, body=body, verified=verified)


async def _status(temporal: Temporal, workflow_id: str) -> tuple[str, str]:
    try:
        described = await temporal.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return workflow_id, "none"
    return workflow_id, described.status.name.lower() if described.status else "none"


def _decoded(history: str) -> list[str]:
    """The payloads, which a history holds in Base64."""
    found: list[str] = []

    def visit(part: Any) -> None:  # noqa: ANN401
        if isinstance(part, dict):
            if isinstance(part.get("data"), str):
                found.append(base64.b64decode(part["data"]).decode("utf-8", "replace"))
            for value in part.values():
                visit(value)
        elif isinstance(part, list):
            for value in part:
                visit(value)

    visit(json.loads(history))
    return found
