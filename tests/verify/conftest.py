"""A centre of its own in which real things happened once: what a test breaks in it, it mends."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url, text

from domain.ids import new_id
from store import audit
from tests.support.centre import Centre
from tests.support.payee import end_at_channel, fund_at_channel, look, pay_out, payout_until, set_rule
from tests.support.refunds import Refunds
from tests.support.servers import Addresses
from tests.support.shop import Shop, operator

_LOST_KEY = text(
    "INSERT INTO idempotency_key (merchant_id, route, key, request_hash, object_id, created_at)"
    " VALUES (:merchant_id, 'payments', :object_id, '', :object_id, now() - interval '150 minutes')"
)
_DROP_KEY = text("DELETE FROM idempotency_key WHERE merchant_id = :merchant_id AND object_id = :object_id")


@dataclass(frozen=True)
class Scene:
    """A mixed payment that succeeded, one closed, one paid late and given back, one that waits; acts are sealed.

    Another payment was refunded in part, a payout came back, and a transfer took of a limit.
    """

    shop: Shop
    names: dict[str, str]

    async def owner(self) -> asyncpg.Connection:
        """A connection as the role that may break everything."""
        url = make_url(self.shop.centre.addresses.owner_url).set(drivername="postgresql")
        return await asyncpg.connect(url.render_as_string(hide_password=False))


@pytest.fixture(scope="session")
async def scene(addresses: Addresses) -> AsyncIterator[Scene]:
    async with Centre.running(addresses) as centre:
        shop = await Shop.open(centre)
        paid = await shop.pay(lines=True, balance_minor=1_000)
        await shop.payer_pays(paid["out_no"])
        await shop.until(paid["id"], "succeeded")
        closed = await shop.pay(lines=True, balance_minor=500)
        await shop.post(f"/v1/payments/{closed['id']}/close", None)
        await shop.until(closed["id"], "closed")
        late = await _paid_late(shop)
        given = await Refunds(shop).paid(balance_minor=1_000)
        given_back = await Refunds(shop).given_back(given["id"], 3_000)
        returned = await _returned(shop)
        transfer = await _transfer(shop)
        waiting = await shop.pay(lines=True, balance_minor=300)
        async with centre.database.transaction("test.seal") as session:
            await audit.seal(session)
        yield Scene(
            shop,
            {
                "paid": paid["id"],
                "paid_out_no": paid["out_no"],
                "closed": closed["id"],
                "late_out_no": late["out_no"],
                "refund": (await shop.get(f"/v1/refunds?payment_id={late['id']}"))["items"][0]["id"],
                "given": given["id"],
                "given_back": given_back["id"],
                "payout": returned["id"],
                "transfer": transfer["id"],
                "waiting": waiting["id"],
                "wallet": shop.wallet_id,
                "merchant": shop.merchant_id,
                "channel_account": shop.channel_account_id,
            },
        )


async def _paid_late(shop: Shop) -> dict[str, str]:
    late = await shop.pay()
    await shop.post(f"/v1/payments/{late['id']}/close", None)
    await shop.until(late["id"], "closed")
    await shop.payer_pays(late["out_no"], force=True)
    await shop.watch_until_returned(late["id"])
    return late


async def _returned(shop: Shop) -> dict[str, Any]:
    await fund_at_channel(shop)
    started = await pay_out(shop, 1_000)
    paid = await payout_until(shop, started["id"], "succeeded")
    await end_at_channel(shop, paid["out_no"], "returned")
    await look(shop, paid["id"])
    return await payout_until(shop, paid["id"], "returned")


async def _transfer(shop: Shop) -> dict[str, Any]:
    await set_rule(shop, "transfer", daily_minor=10_000, fee_rate_bps=100)
    wallet = {"owner": new_id("payer"), "currency": "CNY", "merchant_id": shop.merchant_id}
    body = {
        "transfer_no": "transfer-1",
        "from_account_id": shop.wallet_id,
        "to_account_id": (await operator(shop.centre, "POST", "/v1/accounts", wallet))["id"],
        "amount_minor": 700,
        "currency": "CNY",
    }
    return await shop.post("/v1/transfers", body)


@pytest.fixture
async def lost_key(scene: Scene) -> AsyncIterator[str]:
    """A key whose object never came to be, and which nobody dropped; gone afterwards."""
    object_id = new_id("pay")
    values = {"merchant_id": scene.shop.merchant_id, "object_id": object_id}
    database = scene.shop.centre.database
    async with database.transaction("test.break") as session:
        await session.execute(_LOST_KEY, values)
    yield object_id
    async with database.transaction("test.mend") as session:
        await session.execute(_DROP_KEY, values)
