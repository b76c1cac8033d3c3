"""Onboarding: what an operator enters is checked before it is kept, and secrets are shown once or never."""

from typing import Any

import httpx
import pytest

from domain.ids import new_id
from tests.support.centre import OPERATOR_KEY, Centre
from tests.support.shop import Shop, operator, register_at_channel


async def _operator_call(centre: Centre, method: str, path: str, body: Any) -> httpx.Response:  # noqa: ANN401
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}", "Idempotency-Key": new_id("key")}
    return await centre.http.request(method, path, json=body, headers=headers)


async def _contract(centre: Centre, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    app_id, keys = await register_at_channel(centre)
    config = {"base_url": f"{centre.addresses.simulator}/sim", "app_id": app_id}
    return {
        "channel": "sim",
        "currency": "CNY",
        "funds_holder": "platform",
        "config": config,
        "secrets": keys,
        **fields,
    }


async def test_a_merchant_is_made_once_per_key(centre: Centre) -> None:
    """A repeat answers with the same merchant."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}", "Idempotency-Key": new_id("key")}
    body = {"name": "Tea House", "metadata": {"city": "Hangzhou"}}
    first, again = [await centre.http.post("/v1/merchants", json=body, headers=headers) for _ in range(2)]
    assert (201, "active", {"city": "Hangzhou"}) == (first.status_code, first.json()["state"], first.json()["metadata"])
    assert (first.json(), "true") == (again.json(), again.headers["Idempotent-Replayed"])


async def test_a_merchant_reads_itself_alone(centre: Centre, shop: Shop) -> None:
    """Another merchant does not exist."""
    other = await Shop.open(centre)
    assert shop.merchant_id == (await shop.get(f"/v1/merchants/{shop.merchant_id}"))["id"]
    assert 404 == (await shop.call("GET", f"/v1/merchants/{other.merchant_id}")).status_code


async def test_a_channel_account_never_shows_its_secrets(centre: Centre, shop: Shop) -> None:
    """Its callback address is shown, its keys are not."""
    contract = await _contract(centre)
    made = await _operator_call(centre, "POST", f"/v1/merchants/{shop.merchant_id}/channels", contract)
    assert (201, False) == (made.status_code, contract["secrets"]["private_key"] in made.text)
    expected = f"{centre.settings.public_url}/callbacks/sim/{made.json()['id']}"
    assert expected == made.json()["callback_url"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"channel": "carrier_pigeon"}, "channel_not_configured"),
        ({"config": {}}, "invalid_request"),
        ({"secrets": {"private_key": "planted secret"}}, "invalid_request"),
        ({"fee": {"rate_bps": 10_001}}, "invalid_request"),
        ({"funds_holder": "nobody"}, "invalid_request"),
    ],
)
async def test_a_contract_that_cannot_work_is_refused(
    centre: Centre, shop: Shop, fields: dict[str, Any], code: str
) -> None:
    """The channel itself says what is missing; no secret is echoed."""
    contract = await _contract(centre, **fields)
    answer = await _operator_call(centre, "POST", f"/v1/merchants/{shop.merchant_id}/channels", contract)
    assert (422, code, False) == (answer.status_code, answer.json()["code"], "planted" in answer.text)


async def test_an_unknown_merchant_is_404(centre: Centre) -> None:
    """Nothing is made for nobody."""
    for method, tail, body in (("POST", "keys", {}), ("PUT", "webhook", {"url": "https://127.0.0.1/x"})):
        answer = await _operator_call(centre, method, f"/v1/merchants/mer_none/{tail}", body)
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])


async def test_a_webhooks_secret_is_shown_when_it_is_made_and_when_it_is_rotated(centre: Centre, shop: Shop) -> None:
    """Changing the URL keeps the secret; after a rotation the old one signs for a while."""
    path = f"/v1/merchants/{shop.merchant_id}/webhook"
    body = {"url": f"{centre.addresses.sink}/hook", "events": ["payment.*"]}
    first = (await shop.call("PUT", path, body)).json()
    moved = (await shop.call("PUT", path, body | {"events": ["*"]})).json()
    rotated = (await shop.call("PUT", path, body | {"rotate_secret": True})).json()
    assert (True, None, ["*"]) == (first["secret"].startswith("whsec_"), moved["secret"], moved["events"])
    assert (True, True) == (rotated["secret"] != first["secret"], rotated["previous_until"] is not None)
    assert [1, 2, 3] == [one["version"] for one in (first, moved, rotated)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://10.0.0.1/hook"}, "webhook_url_refused"),
        ({"url": "https://user@shop.example/hook"}, "webhook_url_refused"),
        ({"url": "nothing"}, "invalid_request"),
        ({"url": "https://127.0.0.1/", "events": ["Payment"]}, "invalid_request"),
        ({"url": "https://127.0.0.1/", "events": []}, "invalid_request"),
    ],
)
async def test_a_webhook_into_a_private_network_is_refused(shop: Shop, body: dict[str, Any], code: str) -> None:
    """The same guard that delivers decides."""
    answer = await shop.call("PUT", f"/v1/merchants/{shop.merchant_id}/webhook", body)
    assert (422, code) == (answer.status_code, answer.json()["code"])


async def test_another_merchants_webhook_cannot_be_set(centre: Centre, shop: Shop) -> None:
    """404: events would leak."""
    other = await operator(centre, "POST", "/v1/merchants", {"name": "Other"})
    answer = await shop.call("PUT", f"/v1/merchants/{other['id']}/webhook", {"url": "https://127.0.0.1/"})
    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


async def test_onboarding_requires_a_key_because_nothing_else_tells_a_repeat(centre: Centre) -> None:
    """422 `idempotency_key_missing`, and nothing was made."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
    answer = await centre.http.post("/v1/merchants", json={"name": "Tea House"}, headers=headers)
    assert (422, "idempotency_key_missing") == (answer.status_code, answer.json()["code"])
