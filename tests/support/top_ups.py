"""A payer who fills a wallet at a shop, over the REST API."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from api.bodies import TopUpBody
from api.idempotency import request_hash
from domain.ids import new_id, new_top_up_id
from domain.orders import PaymentOrder
from domain.states import Operation, Purpose
from store.operations import OperationClaim, claim_operation
from store.requests import keep_request
from tests.support.centre import OPERATOR_KEY, eventually
from tests.support.shop import Shop, operator

TOP_UP_MINOR = 5_000
_AGE = (
    text("UPDATE operation_request SET created_at = now() - CAST(:age AS interval) WHERE object_id = :id"),
    text("UPDATE payment_request SET created_at = now() - CAST(:age AS interval) WHERE payment_id = :id"),
)


@dataclass
class Purse:
    """An empty wallet, and the top-ups into it."""

    shop: Shop
    wallet_id: str
    asked: int = 0

    @classmethod
    async def open(cls, shop: Shop) -> "Purse":
        """The wallet exists."""
        wallet = {"kind": "wallet", "owner": new_id("payer"), "currency": "CNY"}
        return cls(shop, (await shop.post("/v1/accounts", wallet))["id"])

    def body(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """What is asked for, under a number of its own."""
        self.asked += 1
        asked = {"top_up_no": f"top-up-{self.asked}-{self.wallet_id[-6:]}", "account_id": self.wallet_id}
        return {**asked, "amount_minor": TOP_UP_MINOR, "currency": "CNY", **fields}

    async def top_up(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """A top-up that was just started."""
        return await self.shop.post("/v1/top_ups", self.body(**fields))

    async def paid(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """A top-up that succeeded."""
        started = await self.top_up(**fields)
        await self.shop.payer_pays(started["out_no"])
        return await self.until(started["id"], "succeeded")

    async def now(self, top_up_id: str) -> dict[str, Any]:
        """A top-up as it is now."""
        return await self.shop.get(f"/v1/top_ups/{top_up_id}")

    async def until(self, top_up_id: str, *states: str) -> dict[str, Any]:
        """The top-up once it is in one of these states."""
        found: dict[str, Any] = await eventually(lambda: self.now(top_up_id), lambda one: one["state"] in states)
        return found

    async def balance(self) -> tuple[int, int]:
        """Available, frozen."""
        account = await self.shop.get(f"/v1/accounts/{self.wallet_id}")
        return account["available_minor"], account["frozen_minor"]

    async def ruled(self, **rule: Any) -> None:  # noqa: ANN401
        """The merchant's rule for top-ups."""
        path = f"/v1/merchants/{self.shop.merchant_id}/rules/top_up/CNY"
        await operator(self.shop.centre, "PUT", path, rule)

    async def act(self, action: str) -> int:
        """The operator blocks or closes the wallet; answers the status."""
        headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
        path = f"/v1/accounts/{self.wallet_id}/{action}"
        return (await self.shop.centre.http.post(path, json={"reason": "asked"}, headers=headers)).status_code

    async def claimed(self, body: dict[str, Any], *, age: timedelta) -> str:
        """What is left when the API dies between its claim and the start, so long ago; answers the top-up's id."""
        top_up_id = await self.kept(order_no=body["top_up_no"])
        claim = OperationClaim(
            merchant_id=self.shop.merchant_id,
            operation=Operation.TOP_UP,
            number=body["top_up_no"],
            request_hash=request_hash(TopUpBody.model_validate(body)),
            new_id=top_up_id,
            body={},
        )
        async with self.shop.centre.database.transaction("test.claim") as session:
            await claim_operation(session, claim)
            for statement in _AGE:
                await session.execute(statement, {"age": age, "id": top_up_id})
        return top_up_id

    async def kept(self, **fields: Any) -> str:  # noqa: ANN401
        """A request whose workflow nobody started; answers the top-up's id."""
        order = PaymentOrder.model_validate(
            {
                "purpose": Purpose.TOP_UP,
                "order_no": new_id("no"),
                "to_account_id": self.wallet_id,
                "amount_minor": TOP_UP_MINOR,
                "currency": "CNY",
                "subject": "Top-up",
                "channel": "sim",
                "channel_account_id": self.shop.channel_account_id,
                "invoke": "qr",
                **fields,
            }
        )
        top_up_id = new_top_up_id()
        async with self.shop.centre.database.transaction("test.request") as session:
            await keep_request(session, top_up_id, self.shop.merchant_id, order)
        return top_up_id
