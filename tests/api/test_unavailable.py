"""PostgreSQL or Temporal down: 503 in seconds, nothing half-done, and the same call works later."""

import time

from sqlalchemy import text

from api.temporal import TemporalConnection
from tests.api.away import relayed, serving, settings_without
from tests.support.centre import OPERATOR_KEY, Centre
from tests.support.servers import Addresses
from tests.support.shop import Shop

LIMIT_S = 5


async def test_without_temporal_a_payment_is_503_and_the_same_call_works_later(centre: Centre, shop: Shop) -> None:
    """The claim stands without a payment; whoever calls again, with the same key, continues it under the same id."""
    body = shop.order(lines=True)
    headers = {"Authorization": f"Bearer {shop.api_key}", "Idempotency-Key": "key-1"}
    async with serving(settings_without(shop.centre.addresses, temporal=False)) as http:
        started = time.monotonic()
        away = await http.post("/v1/payments", json=body, headers=headers)
    assert time.monotonic() - started < LIMIT_S
    assert (503, "unavailable", True) == (away.status_code, away.json()["code"], "Retry-After" in away.headers)
    claimed = await _claimed(centre, shop)
    later = await shop.call("POST", "/v1/payments", body, **{"Idempotency-Key": "key-1"})
    assert (201, claimed, "awaiting_payer") == (later.status_code, later.json()["id"], later.json()["state"])


async def test_when_temporal_vanishes_under_a_connected_client_the_answer_is_503_in_time(shop: Shop) -> None:
    """A connection that was good until now costs no more time than one that never was."""
    settings = settings_without(shop.centre.addresses, temporal=False)
    async with serving(settings) as http:
        async with relayed(settings.require_temporal_address(), to=shop.centre.addresses.temporal):
            assert (await http.get("/readyz")).json()["temporal"]
        started = time.monotonic()
        away = await http.post("/v1/payments", json=shop.order(), headers={"Authorization": f"Bearer {shop.api_key}"})
        assert time.monotonic() - started < LIMIT_S
        assert (503, "unavailable") == (away.status_code, away.json()["code"])


async def test_without_temporal_reading_goes_on(shop: Shop) -> None:
    """Rows are read without the engine; only what asks the workflow is 503."""
    payment = await shop.pay()
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    async with serving(settings_without(shop.centre.addresses, temporal=False)) as http:
        read = await http.get(f"/v1/payments/{payment['id']}", headers=headers)
        saga = await http.get(f"/v1/payments/{payment['id']}/saga", headers=headers)
        close = await http.post(f"/v1/payments/{payment['id']}/close", headers=headers)
        replay = await http.post("/v1/payments", json=_again(payment), headers=headers)
    assert (payment, 503, 503) == (read.json(), saga.status_code, close.status_code)
    assert (201, payment["id"]) == (replay.status_code, replay.json()["id"])


async def test_without_postgresql_every_call_is_503(addresses: Addresses) -> None:
    """Nothing is decided, and the caller knows when to come back."""
    async with serving(settings_without(addresses, postgresql=False)) as http:
        for key in ("psk_somebody", OPERATOR_KEY):
            started = time.monotonic()
            answer = await http.get("/v1/payments", headers={"Authorization": f"Bearer {key}"})
            assert time.monotonic() - started < LIMIT_S
            assert (503, "unavailable") == (answer.status_code, answer.json()["code"])
            assert "Retry-After" in answer.headers


async def test_readiness_names_who_is_away(addresses: Addresses, centre: Centre) -> None:
    """Ready means that both answer; alive means only that the process does."""
    assert {"postgresql": True, "temporal": True} == (await centre.http.get("/readyz")).json()
    async with serving(settings_without(addresses, temporal=False)) as http:
        ready = await http.get("/readyz")
        assert (503, {"postgresql": True, "temporal": False}) == (ready.status_code, ready.json())
    async with serving(settings_without(addresses, postgresql=False, temporal=False)) as http:
        assert {"postgresql": False, "temporal": False} == (await http.get("/readyz")).json()
        assert 200 == (await http.get("/healthz")).status_code


async def test_temporal_is_met_again_without_a_restart(addresses: Addresses) -> None:
    """A connection that failed is tried anew at the next call."""
    settings = settings_without(addresses, temporal=False)
    connection = TemporalConnection(settings.require_temporal_address(), "default")
    assert not await connection.ready()
    async with relayed(settings.require_temporal_address(), to=addresses.temporal):
        assert await connection.ready()


def _again(payment: dict[str, object]) -> dict[str, object]:
    return {name: payment[name] for name in ("order_no", "amount_minor", "currency", "subject")}


async def _claimed(centre: Centre, shop: Shop) -> str:
    wanted = text("SELECT payment_id FROM order_claim WHERE merchant_id = :id")
    async with centre.database.reading() as session:
        connection = await session.connection()
        return str((await connection.execute(wanted, {"id": shop.merchant_id})).scalar_one())
