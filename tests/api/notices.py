"""A channel that notifies us, with a key of its own."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import text

from domain.ids import new_id
from tests.channels.wire_peer import ChannelKey
from tests.support.shop import Shop, operator, register_at_channel


@dataclass
class Notifier:
    """Signs what it sends to one channel account of the shop, whose attempts are made over to that account."""

    shop: Shop
    account_id: str
    app_id: str
    key: ChannelKey = field(repr=False)

    @classmethod
    async def of(cls, shop: Shop, **config: Any) -> "Notifier":  # noqa: ANN401
        """The shop has another contract, which routing does not use; only its callbacks matter."""
        key, (app_id, keys) = ChannelKey(), await register_at_channel(shop.centre)
        contract = {
            "channel": "sim",
            "currency": "CNY",
            "funds_holder": "platform",
            "enabled": False,
            "config": {"base_url": f"{shop.centre.addresses.simulator}/sim", "app_id": app_id, **config},
            "secrets": {**keys, "channel_public_key": key.public},
        }
        made = await operator(shop.centre, "POST", f"/v1/merchants/{shop.merchant_id}/channels", contract)
        return cls(shop, made["id"], app_id, key)

    async def take_over(self, payment: dict[str, Any]) -> None:
        """The payment's attempt belongs to this account now."""
        moved = text("UPDATE attempt SET channel_account_id = :account_id WHERE out_no = :out_no")
        async with self.shop.centre.database.transaction("test") as session:
            values = {"account_id": self.account_id, "out_no": payment["out_no"]}
            await session.execute(moved, values)

    def notice(self, payment: dict[str, Any], **changes: Any) -> bytes:  # noqa: ANN401
        """That the order was paid."""
        now = datetime.now(UTC).isoformat()
        order = {
            "out_no": payment["out_no"],
            "channel_no": payment["channel_no"],
            "state": "paid",
            "amount_minor": payment["amount_minor"],
            "paid_amount_minor": payment["amount_minor"],
            "currency": "CNY",
            "invoke": "qr",
            "expire_at": now,
            "paid_at": now,
            "qr_text": None,
            "url": None,
        }
        content = {"notify_id": new_id("ntf"), "kind": "payment", "app_id": self.app_id, "created_at": now}
        top = {name: changes.pop(name) for name in ("notify_id", "app_id") if name in changes}
        return json.dumps(content | top | {"resource": order | changes}).encode()

    async def send(self, body: bytes, *, late_s: int = 0, key: ChannelKey | None = None) -> httpx.Response:
        """What we answer to the channel."""
        target = f"/callbacks/sim/{self.account_id}"
        headers = self.headers(target, body, late_s=late_s, key=key)
        return await self.shop.centre.http.post(target, content=body, headers=headers)

    def headers(self, target: str, body: bytes, *, late_s: int = 0, key: ChannelKey | None = None) -> dict[str, str]:
        """The channel's signature of that body, made `late_s` ago."""
        at = datetime.now(UTC) - timedelta(seconds=late_s)
        return (key or self.key).callback_headers(target, body, at=at)

    async def stored(self) -> list[dict[str, Any]]:
        """The callbacks kept for this account, oldest first."""
        wanted = text("SELECT verdict, applied_at, body FROM callback WHERE channel_account_id = :id ORDER BY id")
        async with self.shop.centre.database.reading() as session:
            found = await session.execute(wanted, {"id": self.account_id})
            return [dict(row) for row in found.mappings()]
