"""Top-ups over REST: numbers, limits, and whose wallet."""

import asyncio
from typing import Any

import pytest

from domain.ids import new_id
from tests.support.centre import Centre
from tests.support.shop import Shop
from tests.support.top_ups import TOP_UP_MINOR, Purse


@pytest.fixture
async def purse(shop: Shop) -> Purse:
    return await Purse.open(shop)


async def test_a_post_answers_with_what_the_payer_needs(purse: Purse) -> None:
    """One request and no polling."""
    answer = await purse.shop.call("POST", "/v1/top_ups", purse.body())
    top_up = answer.json()
    assert (201, "awaiting_payer", "qr") == (answer.status_code, top_up["state"], top_up["pay"]["kind"])
    assert ("top_", purse.wallet_id, 0) == (top_up["id"][:4], top_up["account_id"], top_up["fee_minor"])
    assert top_up == await purse.now(top_up["id"])


async def test_a_number_is_used_once_and_for_ever(purse: Purse) -> None:
    """The same request is the same top-up, also after it was closed; another one is refused."""
    body = purse.body()
    answers = await asyncio.gather(*(purse.shop.call("POST", "/v1/top_ups", body) for _ in range(10)))
    assert 9 == sum(answer.headers.get("Idempotent-Replayed") == "true" for answer in answers)
    (top_up_id,) = {answer.json()["id"] for answer in answers}
    await purse.shop.post(f"/v1/top_ups/{top_up_id}/close", None)
    await purse.until(top_up_id, "closed")
    again = await purse.shop.post("/v1/top_ups", body)
    other = await purse.shop.call("POST", "/v1/top_ups", body | {"amount_minor": TOP_UP_MINOR + 1})
    assert (top_up_id, "closed") == (again["id"], again["state"])
    assert (409, "number_taken") == (other.status_code, other.json()["code"])


async def test_a_key_stands_for_one_request(purse: Purse) -> None:
    """With another body it is refused, and the number of that body is free."""
    first = await purse.shop.post("/v1/top_ups", purse.body(), **{"Idempotency-Key": "key-1"})
    other = purse.body()
    refused = await purse.shop.call("POST", "/v1/top_ups", other, **{"Idempotency-Key": "key-1"})
    assert (422, "idempotency_key_reused") == (refused.status_code, refused.json()["code"])
    assert first["id"] != (await purse.shop.post("/v1/top_ups", other))["id"]


async def test_an_order_and_a_top_up_may_have_the_same_number(purse: Purse) -> None:
    """They are numbers of two kinds of things."""
    payment = await purse.shop.pay(order_no="number-1")
    top_up = await purse.top_up(top_up_no="number-1")
    assert ("awaiting_payer", "awaiting_payer") == (payment["state"], top_up["state"])


async def test_payments_and_top_ups_do_not_show_each_other(purse: Purse) -> None:
    """Neither by id nor in lists, nor by a number of the other's attempt."""
    payment, top_up = await purse.shop.pay(), await purse.top_up()
    for path in (f"/v1/payments/{top_up['id']}", f"/v1/top_ups/{payment['id']}"):
        for method, tail in (("GET", ""), ("GET", "/saga"), ("POST", "/close")):
            assert 404 == (await purse.shop.call(method, path + tail)).status_code
    assert [payment["id"]] == [one["id"] for one in (await purse.shop.get("/v1/payments"))["items"]]
    assert [top_up["id"]] == [one["id"] for one in (await purse.shop.get("/v1/top_ups"))["items"]]
    assert [] == (await purse.shop.get(f"/v1/payments?out_no={top_up['out_no']}"))["items"]


@pytest.mark.parametrize("number", ["top_up_no", "out_no", "channel_no", "account_id"])
async def test_each_number_alone_finds_the_top_up(purse: Purse, number: str) -> None:
    """Law 13, and the wallet."""
    top_up = await purse.top_up()
    found = await purse.shop.get(f"/v1/top_ups?{number}={top_up[number]}")
    assert [top_up["id"]] == [one["id"] for one in found["items"]]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"account_id": "acc_none"}, 404, "unknown_account"),
        ({"currency": "USD"}, 422, "channel_not_configured"),
        ({"channel": "nowhere"}, 422, "channel_not_configured"),
        ({"invoke": "barcode"}, 422, "invalid_request"),
        ({"amount_minor": 0}, 422, "invalid_request"),
        ({"payer": {"account_id": "acc_1"}}, 422, "invalid_request"),
        ({"notify_url": "ftp://x"}, 422, "invalid_request"),
        ({"balance_minor": 1}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_a_top_up_is_refused(purse: Purse, fields: dict[str, Any], status: int, code: str) -> None:
    """A problem document, and its number stays free."""
    body = purse.body()
    refused = await purse.shop.call("POST", "/v1/top_ups", body | fields)
    assert (status, code) == (refused.status_code, refused.json()["code"])
    assert "awaiting_payer" == (await purse.shop.post("/v1/top_ups", body))["state"]


async def test_another_merchants_wallet_does_not_exist(centre: Centre, purse: Purse) -> None:
    """404 with the words of one that is nobody's."""
    other = await Purse.open(await Shop.open(centre))
    refused = await purse.shop.call("POST", "/v1/top_ups", purse.body(account_id=other.wallet_id))
    assert (404, "unknown_account") == (refused.status_code, refused.json()["code"])


async def test_a_wallet_in_another_currency_is_refused(purse: Purse) -> None:
    """Nothing is exchanged."""
    wallet = await purse.shop.post("/v1/accounts", {"owner": new_id("payer"), "currency": "USD"})
    refused = await purse.shop.call("POST", "/v1/top_ups", purse.body(account_id=wallet["id"]))
    assert (422, "currency_mismatch") == (refused.status_code, refused.json()["code"])


async def test_a_blocked_wallet_is_filled_and_a_closed_one_is_not(purse: Purse) -> None:
    """A block stops what goes out; a close stops everything."""
    await purse.act("block")
    assert "succeeded" == (await purse.paid())["state"]
    closed = await Purse.open(purse.shop)
    assert 200 == await closed.act("close")
    refused = await purse.shop.call("POST", "/v1/top_ups", closed.body())
    assert (409, "account_closed") == (refused.status_code, refused.json()["code"])


async def test_the_daily_limit_takes_exactly_what_fits(purse: Purse) -> None:
    """Ten at once into room for three: the others failed; a closed one gives its room back."""
    await purse.ruled(daily_minor=3 * TOP_UP_MINOR)
    started = await asyncio.gather(*(purse.top_up() for _ in range(10)))
    live = [one for one in started if one["state"] == "awaiting_payer"]
    codes = [one["failure"]["code"] for one in started if one["state"] == "failed"]
    assert (3, ["daily_limit_exceeded"] * 7) == (len(live), codes)
    await purse.shop.post(f"/v1/top_ups/{live[0]['id']}/close", None)
    await purse.until(live[0]["id"], "closed")
    assert ["awaiting_payer", "failed"] == [(await purse.top_up())["state"] for _ in range(2)]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"minimum_minor": TOP_UP_MINOR + 1}, "amount_below_minimum"),
        ({"maximum_minor": TOP_UP_MINOR - 1}, "amount_above_maximum"),
        ({"daily_per_account_minor": TOP_UP_MINOR - 1}, "daily_limit_exceeded"),
    ],
)
async def test_a_rule_refuses_a_top_up(purse: Purse, rule: dict[str, Any], code: str) -> None:
    """It is an object that failed, as a payment would be; nothing was sent."""
    await purse.ruled(**rule)
    failed = await purse.top_up()
    assert ("failed", code, []) == (failed["state"], failed["failure"]["code"], failed["attempts"])
    assert code == (await purse.shop.events("top_up.failed"))[0]["data"]["object"]["failure"]["code"]
