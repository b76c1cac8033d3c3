"""A transfer is one transaction: it has happened when the POST answers, or nothing of it has."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.ids import new_id
from tests.support.books import balances, book_is_sound
from tests.support.payee import (
    as_operator,
    credit_available,
    nothing_is_wrong_with,
    owe,
    owe_for_a_refund_under_way,
    set_rule,
)
from tests.support.shop import WALLET_MINOR, Shop, operator

Indebt = Callable[[Shop, int], Awaitable[None]]


async def other_wallet(shop: Shop, balance_minor: int | None = None) -> str:
    """A second payer's wallet at the same shop."""
    body: dict[str, Any] = {"owner": new_id("payer"), "currency": "CNY", "merchant_id": shop.merchant_id}
    opening = {} if balance_minor is None else {"opening_balance_minor": balance_minor}
    return str((await operator(shop.centre, "POST", "/v1/accounts", {**body, **opening}))["id"])


def transfer_body(shop: Shop, to_account_id: str, amount_minor: int = 700, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """The body of a transfer out of the shop's wallet, under a new number."""
    body = {
        "transfer_no": new_id("transfer"),
        "from_account_id": shop.wallet_id,
        "to_account_id": to_account_id,
        "amount_minor": amount_minor,
        "currency": "CNY",
    }
    return {**body, **fields}


async def available(shop: Shop, account_id: str) -> int:
    """What the account can spend."""
    return int((await shop.get(f"/v1/accounts/{account_id}"))["available_minor"])


async def test_a_transfer_has_arrived_when_it_is_answered(shop: Shop) -> None:
    """The sender pays the fee on top; one event tells of it."""
    await set_rule(shop, "transfer", fee_rate_bps=100)
    target = await other_wallet(shop)
    made = await shop.post("/v1/transfers", transfer_body(shop, target, 700, memo="for the tea"))
    assert ("succeeded", 700, 7, "for the tea") == (
        made["state"],
        made["amount_minor"],
        made["fee_minor"],
        made["memo"],
    )
    assert (WALLET_MINOR - 707, 0) == await shop.wallet()
    assert 700 == await available(shop, target)
    assert {"wallet": -7, "platform_fee": 7} == await balances(shop, made["id"])
    events = await shop.events("transfer.succeeded")
    assert [made["id"]] == [event["data"]["object"]["id"] for event in events]
    assert made == await shop.get(f"/v1/transfers/{made['id']}")
    await nothing_is_wrong_with(shop, made["id"])


async def test_available_money_goes_into_a_wallet(shop: Shop) -> None:
    """A merchant's available money can be given, and received."""
    source = await credit_available(shop, 5_000)
    made = await shop.post("/v1/transfers", transfer_body(shop, shop.wallet_id, 5_000, from_account_id=source))
    assert {"merchant_available": -5_000, "wallet": 5_000} == await balances(shop, made["id"])
    assert (WALLET_MINOR + 5_000, 0) == await shop.wallet()


@pytest.mark.parametrize("indebt", [owe, owe_for_a_refund_under_way])
async def test_available_money_of_a_merchant_that_owes_us_stays(shop: Shop, indebt: Indebt) -> None:
    """By way of a wallet it could be paid out; wallets' money is the payers', and the operator may move any."""
    source = await credit_available(shop, 5_000)
    await indebt(shop, 1)
    body = transfer_body(shop, shop.wallet_id, 1_000, from_account_id=source)
    refused = await shop.call("POST", "/v1/transfers", body)
    assert (409, "merchant_has_debt") == (refused.status_code, refused.json()["code"])
    assert (5_000, WALLET_MINOR) == (await available(shop, source), await available(shop, shop.wallet_id))
    await shop.post("/v1/transfers", transfer_body(shop, await other_wallet(shop)))
    made = await operator(shop.centre, "POST", "/v1/transfers", body)
    assert ("succeeded", 4_000) == (made["state"], await available(shop, source))


async def test_what_is_refused_never_was(shop: Shop) -> None:
    """A problem with its own code; nothing moved, and the number is free for another body."""
    other = await Shop.open(shop.centre)
    target, closed = await other_wallet(shop), await other_wallet(shop)
    await as_operator(shop, "POST", f"/v1/accounts/{closed}/close", {"reason": "asked for it"})
    number = new_id("transfer")
    cases = [
        ("transfer_to_self", transfer_body(shop, shop.wallet_id)),
        ("unknown_account", transfer_body(shop, other.wallet_id)),
        ("unknown_account", transfer_body(shop, target, from_account_id=other.wallet_id)),
        ("unknown_account", transfer_body(shop, f"merchant_pending:{shop.merchant_id}:CNY")),
        ("account_closed", transfer_body(shop, closed)),
        ("balance_insufficient", transfer_body(shop, target, WALLET_MINOR + 1)),
        ("currency_mismatch", transfer_body(shop, target, currency="USD")),
    ]
    for code, body in cases:
        answer = await shop.call("POST", "/v1/transfers", {**body, "transfer_no": number})
        assert code == answer.json().get("code"), answer.text
    assert (WALLET_MINOR, 0) == await shop.wallet()
    made = await shop.post("/v1/transfers", transfer_body(shop, target, transfer_no=number))
    assert "succeeded" == made["state"]
    await nothing_is_wrong_with(shop, made["id"])


async def test_a_blocked_account_gives_nothing_and_takes_everything(shop: Shop) -> None:
    """A block stops debits alone."""
    rich = await other_wallet(shop, 900)
    await as_operator(shop, "POST", f"/v1/accounts/{shop.wallet_id}/block", {"reason": "reported stolen"})
    refused = await shop.call("POST", "/v1/transfers", transfer_body(shop, rich))
    assert (409, "account_blocked") == (refused.status_code, refused.json()["code"])
    await shop.post("/v1/transfers", transfer_body(shop, shop.wallet_id, 900, from_account_id=rich))
    assert (WALLET_MINOR + 900, 0) == await shop.wallet()


async def test_only_an_operator_crosses_merchants(shop: Shop) -> None:
    """The transfer belongs to the merchant of the account that the money comes from."""
    other = await Shop.open(shop.centre)
    made = await operator(shop.centre, "POST", "/v1/transfers", transfer_body(shop, other.wallet_id, 300))
    assert shop.merchant_id == made["merchant_id"]
    assert (WALLET_MINOR + 300, 0) == await other.wallet()
    hidden = await other.call("GET", f"/v1/transfers/{made['id']}")
    assert (404, []) == (hidden.status_code, (await other.get("/v1/transfers"))["items"])


async def test_fifty_opposing_transfers_at_once_conserve_money(shop: Shop) -> None:
    """No deadlock, nothing lost, nothing made."""
    target = await other_wallet(shop, WALLET_MINOR)
    bodies = [transfer_body(shop, target, 100 + number) for number in range(25)]
    bodies += [transfer_body(shop, shop.wallet_id, 90 + number, from_account_id=target) for number in range(25)]
    answers = await asyncio.gather(*(shop.call("POST", "/v1/transfers", body) for body in bodies))
    assert {201} == {answer.status_code for answer in answers}
    assert (WALLET_MINOR - 250, 0) == await shop.wallet()
    assert WALLET_MINOR + 250 == await available(shop, target)
    await book_is_sound(shop)


async def test_the_days_limit_is_taken_exactly(shop: Shop) -> None:
    """Of fifty at once exactly as many as fit."""
    await set_rule(shop, "transfer", daily_per_account_minor=1_000)
    target = await other_wallet(shop)
    answers = await asyncio.gather(
        *(shop.call("POST", "/v1/transfers", transfer_body(shop, target, 90)) for _ in range(50))
    )
    refused = {answer.json()["code"] for answer in answers if answer.status_code != 201}
    assert ({"daily_limit_exceeded"}, 990) == (refused, await available(shop, target))


@pytest.mark.parametrize("key", [None, "a-key-of-mine"])
async def test_the_same_number_is_the_same_transfer_and_no_other(shop: Shop, key: str | None) -> None:
    """With a key or without, equal bodies move the money once."""
    headers = {} if key is None else {"Idempotency-Key": key}
    body = transfer_body(shop, await other_wallet(shop))
    first = await shop.post("/v1/transfers", body, **headers)
    again = await shop.call("POST", "/v1/transfers", body, **headers)
    assert (first, "true") == (again.json(), again.headers["Idempotent-Replayed"])
    taken = await shop.call("POST", "/v1/transfers", {**body, "amount_minor": 1})
    assert (409, "number_taken") == (taken.status_code, taken.json()["code"])
    assert (WALLET_MINOR - 700, 0) == await shop.wallet()
