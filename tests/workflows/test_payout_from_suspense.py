"""Money in suspense ends with a payee: the item is being ended while the payout runs, and is open again if it fails."""

from typing import Any

import pytest
from sqlalchemy import text

from api.outgoing_bodies import PayoutBody
from api.payout_start import AskedPayout, StartedPayout, start_payout
from domain.errors import ItemEnded
from domain.ids import new_id
from domain.outgoing_orders import Destination, PayoutRequest
from tests.support.books import balances
from tests.support.centre import make_services
from tests.support.payee import (
    ACCOUNT,
    as_operator,
    end_at_channel,
    fund_at_channel,
    look,
    nothing_is_wrong_with,
    pay_out,
    payout_until,
)
from tests.support.payee import payout_body as body_of
from tests.support.shop import WALLET_MINOR, Shop

_ITEM = text("SELECT id, state, resolution FROM suspense_item WHERE object_id = :object_id")


async def item_of(shop: Shop, object_id: str) -> dict[str, Any]:
    """The suspense item about the object."""
    async with shop.centre.database.reading() as session:
        return dict((await session.execute(_ITEM, {"object_id": object_id})).mappings().one())


async def returned_into_suspense(shop: Shop) -> str:
    """A payout that came back to an account which was closed meanwhile; answers its id."""
    await fund_at_channel(shop)
    started = await pay_out(shop, WALLET_MINOR)
    paid = await payout_until(shop, started["id"], "succeeded")
    await as_operator(shop, "POST", f"/v1/accounts/{shop.wallet_id}/close", {"reason": "moved away"})
    await end_at_channel(shop, paid["out_no"], "returned")
    await look(shop, started["id"])
    await payout_until(shop, started["id"], "returned")
    return str(started["id"])


async def pay_item(shop: Shop, item_id: str, account: str = ACCOUNT) -> StartedPayout:
    """What an operator's route does to end an item by a payout."""
    request = PayoutRequest.model_validate(
        {
            "payout_no": new_id("payout"),
            "suspense_item_id": item_id,
            "amount_minor": WALLET_MINOR,
            "currency": "CNY",
            "channel": "sim",
            "channel_account_id": shop.channel_account_id,
            "destination": Destination(account=account),
            "metadata": {},
        }
    )
    services = make_services(shop.centre.settings)
    body = PayoutBody.model_validate(body_of(shop, payout_no=request.payout_no))
    try:
        return await start_payout(services, AskedPayout(merchant_id=shop.merchant_id, request=request, body=body))
    finally:
        await services.database.close()


async def test_an_item_is_paid_out_once_and_ended(shop: Shop) -> None:
    """Out of suspense, through the channel, without a hold; nobody else may end the item meanwhile or later."""
    returned = await returned_into_suspense(shop)
    item = await item_of(shop, returned)
    assert "open" == item["state"]
    started = await pay_item(shop, item["id"])
    await payout_until(shop, started.payout.id, "succeeded")
    assert {"suspense": -WALLET_MINOR, "channel_clearing": WALLET_MINOR} == await balances(shop, started.payout.id)
    assert ("ended", "payout") == (
        (await item_of(shop, returned))["state"],
        (await item_of(shop, returned))["resolution"],
    )
    with pytest.raises(ItemEnded):
        await pay_item(shop, item["id"])
    await nothing_is_wrong_with(shop, returned, started.payout.id)


async def test_an_item_whose_payout_fails_is_open_again(shop: Shop) -> None:
    """The money never left suspense."""
    returned = await returned_into_suspense(shop)
    started = await pay_item(shop, (await item_of(shop, returned))["id"], account="refuse-this-one")
    await payout_until(shop, started.payout.id, "failed")
    assert ("open", {}) == ((await item_of(shop, returned))["state"], await balances(shop, started.payout.id))
