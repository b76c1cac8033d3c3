"""A shop whose refunds bounce, and what an operator does about the money."""

from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import text

from domain.ids import new_id
from domain.money import Currency
from domain.states import RefundOrigin
from ledger.book import PostRequest, post
from ledger.legs import StepKey
from ledger.steps import MISMATCHED_RECEIPT, Parties, legs
from store.suspense import NewSuspenseItem, open_item
from tests.support.centre import OPERATOR_KEY, eventually
from tests.support.payee import ACCOUNT, NAME, look
from tests.support.refunds import Refunds
from tests.support.shop import Shop

BOUNCED_MINOR = 1_000

_ITEM = text("SELECT id FROM suspense_item WHERE object_id = :object_id")
_DUE = "UPDATE refund SET next_check_at = now() - interval '1 second' WHERE id = :id AND watch_until IS NOT NULL"


class Suspense:
    """The suspense items of one shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.refunds = Refunds(shop)

    async def bounced(self) -> dict[str, Any]:
        """The open item of a refund that bounced, found by polling alone."""
        await self.shop.fault_at_app("callback", "lost", times=20)
        refund = await self.refunds.given_back((await self.refunds.paid())["id"], BOUNCED_MINOR)
        await self.bounce(refund)
        await self.refunds.change(_DUE, id=refund["id"])
        await look(self.shop)
        return await self.of(refund["id"])

    async def bounced_loudly(self) -> dict[str, Any]:
        """The open item of a refund whose bounce the channel told by a callback."""
        refund = await self.refunds.given_back((await self.refunds.paid())["id"], BOUNCED_MINOR)
        await self.bounce(refund)

        async def told() -> Any:  # noqa: ANN401
            await look(self.shop)
            return (await self.shop.get(f"/v1/refunds/{refund['id']}"))["state"]

        await eventually(told, lambda state: state == "bounced")
        return await self.of(refund["id"])

    async def bounce(self, refund: dict[str, Any]) -> None:
        """The payer's bank sends the refund back."""
        await self.shop.control("POST", "/_sim/refund", {"refund_no": refund["out_refund_no"], "state": "bounced"})

    async def of(self, object_id: str) -> dict[str, Any]:
        """The item about the object, once there is one."""

        async def item_id() -> str | None:
            async with self.shop.centre.database.reading() as session:
                found: str | None = await session.scalar(_ITEM, {"object_id": object_id})
                return found

        return await self.read(str(await eventually(item_id, lambda found: found is not None)))

    async def read(self, item_id: str) -> dict[str, Any]:
        """The item as its merchant sees it."""
        return await self.shop.get(f"/v1/suspense_items/{item_id}")

    async def until(self, item_id: str, state: str) -> dict[str, Any]:
        """The item once it is in this state."""
        found: dict[str, Any] = await eventually(lambda: self.read(item_id), lambda item: item["state"] == state)
        return found

    async def resolve(self, item_id: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and answer of an operator's resolution."""
        answer = await self.call(item_id, body)
        return answer.status_code, dict(answer.json())

    async def call(self, item_id: str, body: dict[str, Any]) -> httpx.Response:
        """An operator's resolution, whatever it is answered with."""
        headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
        return await self.shop.centre.http.post(f"/v1/suspense_items/{item_id}/resolve", json=body, headers=headers)

    def to_wallet(self) -> dict[str, Any]:
        """Into the shop's wallet."""
        return {"how": "wallet", "account_id": self.shop.wallet_id}

    def to_payee(self, account: str = ACCOUNT) -> dict[str, Any]:
        """Out to a payee, under a new number."""
        payee = {"channel": "sim", "account": account, "name": NAME}
        return {"how": "payout", "payout_no": new_id("payout"), "destination": payee}

    def to_payer(self) -> dict[str, Any]:
        """Back to the payer, under a new number."""
        return {"how": "refund", "refund_no": new_id("refund")}

    async def place(self, currency: Currency = Currency.CNY) -> str:
        """An open item that no payment of the shop brought, its money in the book; answers its id."""
        item = NewSuspenseItem(
            id=new_id("sus"),
            merchant_id=self.shop.merchant_id,
            origin=RefundOrigin.BOUNCE,
            object_id=new_id("pyo"),
            out_no=new_id("out"),
            channel_account_id=self.shop.channel_account_id,
            amount_minor=BOUNCED_MINOR,
            currency=currency,
            owner="operations",
            reason="came back",
            evidence={},
        )
        parties = Parties(currency=currency, object_id=item.id, channel_account_id=item.channel_account_id)
        posting = PostRequest(
            merchant_id=self.shop.merchant_id,
            event_at=datetime.now(UTC),
            legs=legs(MISMATCHED_RECEIPT, {"received_minor": BOUNCED_MINOR}, parties),
        )
        async with self.shop.centre.database.transaction("test.item") as session:
            await post(session, StepKey(biz_type="test", biz_id=item.id, step="receipt"), posting)
            await open_item(session, item)
        return item.id
