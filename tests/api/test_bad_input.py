"""What is wrong with a request is said by a stable code and the field's path; nothing is started, nothing held."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.centre import Centre
from tests.support.shop import PRICE_MINOR, Shop

Change = Callable[[Shop], dict[str, Any]]


def _line(shop: Shop, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"amount_minor": 2 * PRICE_MINOR, "lines": [{"sku": shop.sku, "quantity": 2, **fields}]}


CASES: dict[str, tuple[Change, str, str]] = {
    "unknown field": (lambda _: {"colour": "red"}, "invalid_request", "colour"),
    "unknown field of a line": (lambda shop: _line(shop, colour="red"), "invalid_request", "lines[0].colour"),
    "negative amount": (lambda _: {"amount_minor": -1}, "invalid_request", "amount_minor"),
    "zero amount": (lambda _: {"amount_minor": 0}, "invalid_request", "amount_minor"),
    "fractional amount": (lambda _: {"amount_minor": 10.5}, "invalid_request", "amount_minor"),
    "amount as a float": (lambda _: {"amount_minor": 10.0}, "invalid_request", "amount_minor"),
    "amount as text": (lambda _: {"amount_minor": "10"}, "invalid_request", "amount_minor"),
    "amount as a truth": (lambda _: {"amount_minor": True}, "invalid_request", "amount_minor"),
    "huge amount": (lambda _: {"amount_minor": 10**30}, "invalid_request", "amount_minor"),
    "unknown currency": (lambda _: {"currency": "XXX"}, "invalid_request", "currency"),
    "missing subject": (lambda _: {"subject": None}, "invalid_request", "subject"),
    "over-long subject": (lambda _: {"subject": "x" * 257}, "invalid_request", "subject"),
    "over-long order number": (lambda _: {"order_no": "x" * 65}, "invalid_request", "order_no"),
    "empty order number": (lambda _: {"order_no": ""}, "invalid_request", "order_no"),
    "NUL in text": (lambda _: {"subject": "a\x00b"}, "invalid_request", "subject"),
    "NUL in metadata": (lambda _: {"metadata": {"a": "\x00"}}, "invalid_request", "metadata.a"),
    "expiry too short": (lambda _: {"expires_in_s": 59}, "invalid_request", "expires_in_s"),
    "unknown invoke": (lambda _: {"invoke": "carrier_pigeon"}, "invalid_request", "invoke"),
    "barcode without a code": (lambda _: {"invoke": "barcode"}, "invalid_request", "payer.auth_code"),
    "balance without an account": (lambda _: {"balance_minor": 1}, "invalid_request", "payer.account_id"),
    "balance above the amount": (
        lambda shop: {"balance_minor": 4_001, "payer": {"account_id": shop.wallet_id}},
        "amount_mismatch",
        "balance_minor",
    ),
    "lines that do not add up": (lambda shop: _line(shop) | {"amount_minor": 1}, "amount_mismatch", "amount_minor"),
    "shipping that does not add up": (
        lambda shop: _line(shop) | {"shipping_minor": 1},
        "amount_mismatch",
        "amount_minor",
    ),
    "unknown product": (lambda shop: _line(shop, sku="none"), "unknown_sku", "lines[0].sku"),
    "product of another currency": (
        lambda shop: _line(shop) | {"currency": "USD", "channel": None},
        "channel_not_configured",
        "",
    ),
    "unknown account": (
        lambda _: {"balance_minor": 1, "payer": {"account_id": "acc_none"}},
        "unknown_account",
        "",
    ),
    "channel without a contract": (lambda _: {"channel": "alipay"}, "channel_not_configured", ""),
    "invoke that no channel has": (lambda _: {"invoke": "jsapi"}, "channel_not_configured", ""),
    "webhook into a private network": (
        lambda _: {"notify_url": "https://10.0.0.1/x"},
        "webhook_url_refused",
        "notify_url",
    ),
    "webhook without https": (lambda _: {"notify_url": "ftp://shop.example/x"}, "invalid_request", "notify_url"),
    "coupons": (lambda _: {"coupons": ["c1"]}, "unsupported_field", "coupons"),
    "splits": (lambda _: {"splits": []}, "unsupported_field", "splits"),
    "manual capture": (lambda _: {"capture": "manual"}, "unsupported_field", "capture"),
    "seller of a line": (lambda shop: _line(shop, seller="mer_2"), "unsupported_field", "lines[0].seller"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_wrong_request_becomes_nothing(shop: Shop, centre: Centre, case: str) -> None:
    """The code is stable, the field is named, and neither key nor order number is used up."""
    change, code, field = CASES[case]
    body = {name: value for name, value in {**shop.order(), **change(shop)}.items() if value is not None}
    answer = await shop.call("POST", "/v1/payments", body, **{"Idempotency-Key": "key-1"})
    problem = answer.json()
    assert (code, "application/problem+json") == (problem["code"], answer.headers["Content-Type"])
    assert answer.headers["Request-Id"] == problem["request_id"]
    assert field in {*(one["field"] for one in problem.get("errors", [])), ""}
    assert 0 == await _rows_of(centre, shop.merchant_id)


async def test_another_merchants_wallet_is_unknown(centre: Centre, shop: Shop) -> None:
    """An account belongs to the merchant that opened it."""
    other = await Shop.open(centre)
    body = shop.order(balance_minor=100) | {"payer": {"account_id": other.wallet_id}}
    answer = await shop.call("POST", "/v1/payments", body)
    assert (404, "unknown_account") == (answer.status_code, answer.json()["code"])
    assert 0 == await _rows_of(centre, shop.merchant_id)


@pytest.mark.parametrize(
    "content",
    [b"{", b"", b'{"amount_minor": NaN}', b'{"order_no": "\\ud800"}', b"\xff\xfe", b"[" * 100_000],
    ids=["cut off", "empty", "not a number", "lone surrogate", "not UTF-8", "too deep"],
)
async def test_what_is_not_json_is_refused(shop: Shop, content: bytes) -> None:
    """JSON as the standard has it, and nothing else; an empty body misses its fields."""
    headers = {"Authorization": f"Bearer {shop.api_key}", "Content-Type": "application/json"}
    answer = await shop.centre.http.post("/v1/payments", content=content, headers=headers)
    assert answer.json()["code"] in ({"invalid_json"} if content else {"invalid_request"})


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ключ"])
async def test_a_key_that_is_not_visible_ascii_is_refused(shop: Shop, key: str) -> None:
    """1 to 255 visible ASCII characters."""
    headers = {b"Authorization": f"Bearer {shop.api_key}".encode(), b"Idempotency-Key": key.encode()}
    answer = await shop.centre.http.post("/v1/payments", json=shop.order(), headers=headers)
    assert (422, "idempotency_key_invalid") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "state=paid", "colour=red", "created_from=yesterday", "after=%00"]
)
async def test_a_wrong_query_is_refused(shop: Shop, query: str) -> None:
    """Nothing is ignored."""
    answer = await shop.call("GET", f"/v1/payments?{query}")
    assert (422, "invalid_request") == (answer.status_code, answer.json()["code"])


async def test_values_are_never_echoed(shop: Shop) -> None:
    """A problem names the field, not what was in it: it may have been a secret."""
    answer = await shop.call("POST", "/v1/payments", shop.order(payer={"auth_code": "planted secret \x00"}))
    assert (422, False) == (answer.status_code, "planted" in answer.text)


async def _rows_of(centre: Centre, merchant_id: str) -> int:
    tables = ("payment", "payment_request", "order_claim", "idempotency_key")
    counts = " + ".join(f"(SELECT count(*) FROM {table} WHERE merchant_id = :id AND {_own(table)})" for table in tables)  # noqa: S608
    async with centre.database.reading() as session:
        found = await session.execute(text(f"SELECT {counts}"), {"id": merchant_id})
        return int(found.scalar_one())


def _own(table: str) -> str:
    """Onboarding the shop used keys of its own."""
    return "route = 'payments'" if table == "idempotency_key" else "true"
