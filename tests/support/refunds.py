"""What a business does about refunds, and what a test reads past every API."""

from typing import Any

import httpx
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.refund_calls import RefundCalls
from activities.verification import verify
from domain.outgoing import RefundCommand
from store.tables.rules import MerchantRule
from tests.support.centre import OPERATOR_KEY, eventually, worker_parts
from tests.support.shop import Shop
from worker import WorkerParts

_STANDING = text("SELECT captured_minor, refunded_minor, refunding_minor FROM payment WHERE id = :id")
_MERCHANT = text(
    "SELECT a.kind, (a.available + coalesce((SELECT sum(i.amount_minor) FROM inbox i WHERE i.account_id = a.id), 0))"
    "::bigint AS available, a.frozen FROM account a WHERE a.owner = :owner"
)
_HOLDS = text("SELECT count(*) FROM hold WHERE biz_type = 'refund' AND state = 'held' AND biz_id = ANY(:refunds)")
_ITEMS = text("SELECT origin, amount_minor, state FROM suspense_item WHERE object_id = :id ORDER BY id")
_RESTOCKED = text("SELECT restocked FROM reservation_line WHERE payment_id = :id ORDER BY line_no")
_KNOWN_BEFORE_SENT = text(
    "SELECT max(e.received_at) <= min(later.sent_at) FROM refund earlier JOIN refund later ON later.id = :later"
    " JOIN evidence e ON e.out_no = earlier.out_refund_no WHERE earlier.id = :earlier"
)
_LEG = text("SELECT leg_state FROM refund WHERE id = :id")
_WATCHED = text("SELECT watch_until IS NOT NULL AND next_check_at > now() FROM refund WHERE id = :id")
_CLAIMS = text("SELECT count(*) FROM operation_request WHERE merchant_id = :merchant AND operation = 'refund'")


class Refunds:
    """The refunds of one shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.asked = 0

    async def paid(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """A payment that has succeeded."""
        started = await self.shop.pay(**fields)
        if started["out_no"] is not None:
            await self.shop.payer_pays(started["out_no"])
        return await self.shop.until(started["id"], "succeeded")

    def body(self, payment_id: str, amount_minor: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """The body of a new refund."""
        self.asked += 1
        number = f"refund-{self.asked}"
        return {
            "refund_no": number,
            "payment_id": payment_id,
            "amount_minor": amount_minor,
            "reason": "cold",
            **fields,
        }

    async def ask(self, payment_id: str, amount_minor: int, **fields: Any) -> httpx.Response:  # noqa: ANN401
        """What a POST answers, whatever it is."""
        return await self.shop.call("POST", "/v1/refunds", self.body(payment_id, amount_minor, **fields))

    async def start(self, payment_id: str, amount_minor: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """A refund that was just accepted."""
        return await self.shop.post("/v1/refunds", self.body(payment_id, amount_minor, **fields))

    async def until(self, refund_id: str, *states: str) -> dict[str, Any]:
        """The refund once it is in one of these states."""
        found: dict[str, Any] = await eventually(
            lambda: self.shop.get(f"/v1/refunds/{refund_id}"), lambda refund: refund["state"] in states
        )
        return found

    async def given_back(self, payment_id: str, amount_minor: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """A refund that has succeeded."""
        started = await self.start(payment_id, amount_minor, **fields)
        return await self.until(started["id"], "succeeded")

    async def refused(self, payment_id: str, amount_minor: int, **fields: Any) -> tuple[int, str]:  # noqa: ANN401
        """Status and code of a refusal."""
        answer = await self.ask(payment_id, amount_minor, **fields)
        return answer.status_code, answer.json()["code"]

    async def rule(self, **columns: Any) -> None:  # noqa: ANN401
        """The merchant's rule of refunds."""
        async with self.shop.centre.database.transaction("test.rule") as session:
            row = {"merchant_id": self.shop.merchant_id, "operation": "refund", "currency": "CNY", **columns}
            session.add(MerchantRule(**row))

    async def change(self, statement: str, **values: Any) -> None:  # noqa: ANN401
        """Rows are changed past every API."""
        async with self.shop.centre.database.transaction("test.change") as session:
            await session.execute(text(statement), values)

    async def unknown_at_channel(self, out_no: str) -> None:
        """The number that the channel knows is another payment's: it has nothing to give back under this one."""
        await self.change(
            "UPDATE attempt SET out_no = 'GONE' || substr(out_no, 5) WHERE out_no = :out_no", out_no=out_no
        )

    async def ask_channel(self, refund_id: str) -> None:
        """The watch asks the channel about a refund, by the activity alone."""
        command = RefundCommand(refund_id=refund_id, merchant_id=self.shop.merchant_id)
        async with worker_parts(self.shop.centre.settings) as parts:
            await ActivityEnvironment().run(self._calls(parts).query, command)

    async def standing(self, payment_id: str) -> tuple[int, int, int]:
        """Captured, refunded, and what refunds under way have of it."""
        async with self.shop.centre.database.reading() as session:
            row = (await session.execute(_STANDING, {"id": payment_id})).one()
        return row.captured_minor, row.refunded_minor, row.refunding_minor

    async def merchant(self) -> dict[str, tuple[int, int]]:
        """The merchant's own accounts by kind: available with what waits in the inbox, and frozen."""
        async with self.shop.centre.database.reading() as session:
            rows = await session.execute(_MERCHANT, {"owner": self.shop.merchant_id})
            return {row.kind: (row.available, row.frozen) for row in rows}

    async def open_holds(self, *refund_ids: str) -> int:
        """How many of these refunds' holds are open."""
        async with self.shop.centre.database.reading() as session:
            return int(await session.scalar(_HOLDS, {"refunds": list(refund_ids)}) or 0)

    async def claims(self) -> int:
        """How many numbers are claimed."""
        async with self.shop.centre.database.reading() as session:
            return int(await session.scalar(_CLAIMS, {"merchant": self.shop.merchant_id}) or 0)

    async def items(self, refund_id: str) -> list[tuple[str, int, str]]:
        """The suspense items of a refund: origin, amount, state."""
        async with self.shop.centre.database.reading() as session:
            rows = await session.execute(_ITEMS, {"id": refund_id})
            return [(row.origin, row.amount_minor, row.state) for row in rows]

    async def until_leg(self, refund_id: str, *states: str) -> None:
        """The channel leg is in one of these states."""

        async def leg() -> str:
            async with self.shop.centre.database.reading() as session:
                return str(await session.scalar(_LEG, {"id": refund_id}))

        await eventually(leg, lambda state: state in states)

    async def is_watched(self, refund_id: str) -> bool:
        """True while the channel will be asked again about a refund that has succeeded."""
        async with self.shop.centre.database.reading() as session:
            return bool(await session.scalar(_WATCHED, {"id": refund_id}))

    async def restocked(self, payment_id: str) -> list[int]:
        """By line, how many went back into stock or are on their way."""
        async with self.shop.centre.database.reading() as session:
            return list(await session.scalars(_RESTOCKED, {"id": payment_id}))

    async def known_before_sent(self, earlier: str, later: str) -> bool:
        """True when the channel's last word on the one was kept before the other was sent."""
        async with self.shop.centre.database.reading() as session:
            return bool(await session.scalar(_KNOWN_BEFORE_SENT, {"earlier": earlier, "later": later}))

    async def start_again(self, refund_id: str) -> None:
        """The refund's workflow is started from its rows, as the sweeper does it."""
        command = RefundCommand(refund_id=refund_id, merchant_id=self.shop.merchant_id)
        await self.shop.centre.temporal.start_workflow("Refund", command, id=refund_id, task_queue="saga")

    async def decide(self, refund_id: str, decision: str, reason: str | None = None) -> httpx.Response:
        """An operator's word on a refund, whatever it is answered with."""
        return await self.shop.centre.http.post(
            f"/v1/refunds/{refund_id}/decision",
            json={"decision": decision, "reason": reason},
            headers={"Authorization": f"Bearer {OPERATOR_KEY}"},
        )

    async def send_by_hand(self, refund_id: str) -> None:
        """A sending activity wakes up, however late."""
        command = RefundCommand(refund_id=refund_id, merchant_id=self.shop.merchant_id)
        async with worker_parts(self.shop.centre.settings) as parts:
            await ActivityEnvironment().run(self._calls(parts).refund, command)

    def _calls(self, parts: WorkerParts) -> RefundCalls:
        return RefundCalls(parts.database, parts.accounts, parts.channels, self.shop.centre.settings.public_url)

    async def sound(self) -> None:
        """Every invariant of the book and of the objects holds now."""
        report = await verify(self.shop.centre.database)
        broken = [(one.invariant.name, one.rows) for one in report.verdicts if one.rows]
        assert [] == broken, broken
