"""Suspense items: who sees them, who ends them, and what is refused."""

from typing import Any

import pytest

from domain.ids import new_id
from domain.money import Currency
from tests.support.payee import as_operator
from tests.support.shop import Shop
from tests.support.suspense import BOUNCED_MINOR, Suspense


@pytest.fixture
async def suspense(shop: Shop) -> Suspense:
    return Suspense(shop)


async def test_a_merchant_sees_its_own_items_and_an_operator_all(shop: Shop, suspense: Suspense) -> None:
    """Newest first, by state and merchant, page by page; another merchant's is 404 and in no list."""
    first, second = await suspense.place(), await suspense.place()
    stranger = await Shop.open(shop.centre)
    listed = (await shop.get("/v1/suspense_items?state=open"))["items"]
    assert [second, first] == [one["id"] for one in listed]
    page = await shop.get("/v1/suspense_items?limit=1")
    assert [first] == [one["id"] for one in (await shop.get(f"/v1/suspense_items?after={page['next']}"))["items"]]
    assert [] == (await shop.get("/v1/suspense_items?state=ended"))["items"]
    assert [] == (await stranger.get(f"/v1/suspense_items?merchant_id={shop.merchant_id}"))["items"]
    assert 404 == (await stranger.call("GET", f"/v1/suspense_items/{first}")).status_code
    _, seen = await as_operator(shop, "GET", f"/v1/suspense_items?merchant_id={shop.merchant_id}")
    assert [second, first] == [one["id"] for one in seen["items"]]
    assert ("operations", BOUNCED_MINOR) == (listed[0]["owner"], listed[0]["amount_minor"])


async def test_only_an_operator_ends_an_item(shop: Shop, suspense: Suspense) -> None:
    """A merchant's key is 403; an item that does not exist is 404."""
    item_id = await suspense.place()
    forbidden = await shop.call("POST", f"/v1/suspense_items/{item_id}/resolve", suspense.to_wallet())
    assert (403, "forbidden") == (forbidden.status_code, forbidden.json()["code"])
    status, missing = await suspense.resolve(new_id("sus"), suspense.to_wallet())
    assert (404, "not_found") == (status, missing["code"])


async def test_what_cannot_end_an_item_leaves_it_open(shop: Shop, suspense: Suspense) -> None:
    """A problem with its own code; the item may be resolved another way."""
    item_id = await suspense.place()
    stranger = await Shop.open(shop.centre)
    refused: list[tuple[dict[str, Any], tuple[int, str]]] = [
        (suspense.to_payer(), (409, "payment_not_refundable")),
        ({"how": "wallet", "account_id": "acc_none"}, (404, "unknown_account")),
        ({"how": "wallet", "account_id": stranger.wallet_id}, (404, "unknown_account")),
        ({**suspense.to_payee(), "destination": {"channel": "other", "account": "1"}}, (422, "invalid_request")),
        ({"how": "forget"}, (422, "invalid_request")),
        ({"how": "refund"}, (422, "invalid_request")),
        ({**suspense.to_wallet(), "amount_minor": 1}, (422, "invalid_request")),
    ]
    for body, expected in refused:
        status, problem = await suspense.resolve(item_id, body)
        assert expected == (status, problem["code"]), body
        assert "open" == (await suspense.read(item_id))["state"], body
    await suspense.refunds.sound()


async def test_an_item_of_another_currency_does_not_fit_the_wallet(suspense: Suspense) -> None:
    """Nothing is exchanged."""
    item_id = await suspense.place(Currency.USD)
    status, problem = await suspense.resolve(item_id, suspense.to_wallet())
    assert (422, "currency_mismatch", "open") == (
        status,
        problem["code"],
        (await suspense.read(item_id))["state"],
    )
