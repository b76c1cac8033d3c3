"""Who may call what."""

import pytest

from domain.ids import new_id
from tests.support.centre import OPERATOR_KEY, Centre
from tests.support.shop import Shop, operator


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer psk_unknown", "Basic cHNrOg==", "Bearer " + "x" * 10_000, "Bearer \xff"],
)
async def test_without_a_key_of_ours_nobody_comes_in(centre: Centre, authorization: str | None) -> None:
    """401 that names its scheme, whatever was sent."""
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    answer = await centre.http.get("/v1/payments", headers=headers)
    assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])
    assert "Bearer" == answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/merchants", {"name": "Shop"}),
        ("POST", "/v1/merchants/mer_x/keys", {}),
        ("POST", "/v1/merchants/mer_x/channels", {"channel": "sim", "currency": "CNY", "funds_holder": "platform"}),
        ("POST", "/v1/accounts/acc_x/block", {"reason": "x"}),
        ("POST", "/v1/accounts/acc_x/close", {"reason": "x"}),
    ],
)
async def test_a_merchants_key_opens_no_operators_route(shop: Shop, method: str, path: str, body: object) -> None:
    """403, also for what the merchant owns."""
    answer = await shop.call(method, path.replace("mer_x", shop.merchant_id).replace("acc_x", shop.wallet_id), body)
    assert (403, "forbidden") == (answer.status_code, answer.json()["code"])


async def test_the_operator_sees_every_payment_and_starts_none(shop: Shop) -> None:
    """A payment belongs to a merchant, so a merchant's key starts it."""
    payment = await shop.pay()
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    read = await shop.centre.http.get(f"/v1/payments/{payment['id']}", headers=headers)
    started = await shop.centre.http.post("/v1/payments", json=shop.order(), headers=headers)
    assert (payment["id"], 403) == (read.json()["id"], started.status_code)


async def test_a_revoked_key_stops_working(centre: Centre, shop: Shop) -> None:
    """At once in the process that revoked it; the other keys go on."""
    path = f"/v1/merchants/{shop.merchant_id}/keys"
    made = await operator(centre, "POST", path, {})
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    assert 200 == (await centre.http.get("/v1/payments", headers=headers)).status_code
    assert "revoked" == (await operator(centre, "DELETE", f"{path}/{made['id']}"))["state"]
    assert 401 == (await centre.http.get("/v1/payments", headers=headers)).status_code
    assert 200 == (await shop.call("GET", "/v1/payments")).status_code


async def test_an_api_key_is_shown_once(centre: Centre, shop: Shop) -> None:
    """A repeat with the same idempotency key is the same key, without its secret."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}", "Idempotency-Key": new_id("key")}
    path = f"/v1/merchants/{shop.merchant_id}/keys"
    first, again = [await centre.http.post(path, json={}, headers=headers) for _ in range(2)]
    assert (first.json()["id"], None) == (again.json()["id"], again.json()["api_key"])
    assert "true" == again.headers["Idempotent-Replayed"]
