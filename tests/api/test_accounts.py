"""Accounts over REST."""

from typing import Any

import pytest

from domain.ids import new_id
from tests.support.centre import OPERATOR_KEY, Centre
from tests.support.shop import WALLET_MINOR, Shop, operator


async def test_an_owner_has_one_wallet_per_currency(shop: Shop) -> None:
    """Opening twice opens once; another currency is another account."""
    body = {"kind": "wallet", "owner": "payer-1", "currency": "CNY"}
    first = await shop.call("POST", "/v1/accounts", body)
    again = await shop.call("POST", "/v1/accounts", body)
    other = await shop.post("/v1/accounts", body | {"currency": "USD"})
    assert (201, "open", 0) == (first.status_code, first.json()["state"], first.json()["total_minor"])
    assert (first.json(), "true") == (again.json(), again.headers["Idempotent-Replayed"])
    assert first.json()["id"] != other["id"]


async def test_an_opening_balance_is_posted_once(centre: Centre, shop: Shop) -> None:
    """A repeat is the same posting; another amount is refused."""
    body = {"owner": new_id("payer"), "currency": "CNY", "merchant_id": shop.merchant_id, "opening_balance_minor": 500}
    opened = [await operator(centre, "POST", "/v1/accounts", body) for _ in range(2)]
    assert [500, 500] == [account["available_minor"] for account in opened]
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    other = await centre.http.post("/v1/accounts", json=body | {"opening_balance_minor": 501}, headers=headers)
    assert (409, "already_exists") == (other.status_code, other.json()["code"])


@pytest.mark.parametrize("fields", [{"opening_balance_minor": 500}, {"merchant_id": "mer_other"}])
async def test_a_merchant_gives_nobody_money(shop: Shop, fields: dict[str, Any]) -> None:
    """An opening balance and another merchant's name are the operator's."""
    answer = await shop.call("POST", "/v1/accounts", {"owner": "payer-1", "currency": "CNY", **fields})
    assert (422, "invalid_request") == (answer.status_code, answer.json()["code"])


async def test_a_statement_is_newest_first_with_the_balance_after_each_entry(shop: Shop) -> None:
    """Every entry is on exactly one page."""
    await shop.pay(amount_minor=300, balance_minor=300)
    await shop.pay(amount_minor=200, balance_minor=200)
    path = f"/v1/accounts/{shop.wallet_id}/statement"
    first = await shop.get(f"{path}?limit=2")
    rest = await shop.get(f"{path}?limit=2&after={first['next']}")
    entries = first["items"] + rest["items"]
    assert [-200, -300, WALLET_MINOR] == [entry["amount_minor"] for entry in entries]
    assert [WALLET_MINOR - 500, WALLET_MINOR - 300, WALLET_MINOR] == [entry["balance_minor"] for entry in entries]
    assert None is rest["next"]


async def test_a_hold_is_shown_as_frozen(shop: Shop) -> None:
    """Total = available + frozen while the payment runs."""
    await shop.pay(amount_minor=3_000, balance_minor=1_000)
    account = await shop.get(f"/v1/accounts/{shop.wallet_id}")
    assert (WALLET_MINOR, WALLET_MINOR - 1_000, 1_000) == (
        account["total_minor"],
        account["available_minor"],
        account["frozen_minor"],
    )


async def test_a_blocked_account_refuses_new_payments_until_it_is_unblocked(centre: Centre, shop: Shop) -> None:
    """The reason is the operator's and is kept."""
    path = f"/v1/accounts/{shop.wallet_id}"
    blocked = await operator(centre, "POST", f"{path}/block", {"reason": "reported stolen"})
    refused = await shop.pay(amount_minor=100, balance_minor=100)
    assert ("blocked", "account_blocked") == (blocked["state"], refused["failure"]["code"])
    assert "open" == (await operator(centre, "POST", f"{path}/unblock", {"reason": "found again"}))["state"]
    assert "succeeded" == (await shop.pay(amount_minor=100, balance_minor=100))["state"]


async def test_only_an_empty_account_is_closed(centre: Centre, shop: Shop) -> None:
    """A closed account pays nothing."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    full = await centre.http.post(f"/v1/accounts/{shop.wallet_id}/close", json={"reason": "x"}, headers=headers)
    assert (409, "account_not_empty") == (full.status_code, full.json()["code"])
    empty = await shop.post("/v1/accounts", {"owner": "payer-2", "currency": "CNY"})
    closed = await operator(centre, "POST", f"/v1/accounts/{empty['id']}/close", {"reason": "asked for it"})
    assert "closed" == closed["state"]


async def test_another_merchants_account_does_not_exist(centre: Centre, shop: Shop) -> None:
    """Neither its balance nor its statement; the same words as for one that is nobody's."""
    other = await Shop.open(centre)
    for path in (f"/v1/accounts/{other.wallet_id}", f"/v1/accounts/{other.wallet_id}/statement", "/v1/accounts/none"):
        answer = await shop.call("GET", path)
        assert (404, "unknown_account") == (answer.status_code, answer.json()["code"])


async def test_a_wrong_cursor_is_refused(shop: Shop) -> None:
    """A cursor belongs to its list."""
    answer = await shop.call("GET", f"/v1/accounts/{shop.wallet_id}/statement?after=pay_1")
    assert (422, "invalid_request") == (answer.status_code, answer.json()["code"])
