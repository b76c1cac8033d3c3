"""What a saga tells, and what a POST answers, while the engine or the workers are not there to ask."""

import asyncio

from tests.api.away import serving
from tests.support.centre import Centre, worker_running
from tests.support.servers import Addresses
from tests.support.shop import Shop


async def test_what_the_engine_does_not_know_any_more_is_rebuilt_from_rows(centre: Centre, shop: Shop) -> None:
    """The answer says where it comes from; branches, attempts and pivot are those of the payment."""
    payment = await shop.pay(lines=True, balance_minor=1_000)
    await shop.payer_pays(payment["out_no"])
    await shop.until(payment["id"], "succeeded")
    elsewhere = centre.settings.model_copy(update={"temporal_namespace": "default"})  # where it never ran
    async with serving(elsewhere) as http:
        headers = {"Authorization": f"Bearer {shop.api_key}"}
        saga = (await http.get(f"/v1/payments/{payment['id']}/saga", headers=headers)).json()
    assert ("rows", "succeeded", True) == (saga["source"], saga["state"], saga["pivot_passed"])
    assert {"inventory": "confirmed", "funds": "confirmed"} == {one["name"]: one["state"] for one in saga["branches"]}
    assert [(payment["out_no"], "paid")] == [(one["out_no"], one["state"]) for one in saga["attempts"]]


async def test_without_a_worker_a_post_ends_in_time_and_its_repeat_later_gets_the_payment(addresses: Addresses) -> None:
    """503 for the first caller, 409 for the one who joined; the workflow goes on as soon as somebody works."""
    async with Centre.running(addresses, with_worker=False) as centre:
        shop = await Shop.open(centre)
        body = shop.order()
        answers = await asyncio.gather(*(shop.call("POST", "/v1/payments", body) for _ in range(2)))
        assert {(503, "unavailable"), (409, "idempotency_in_progress")} == {
            (answer.status_code, answer.json()["code"]) for answer in answers
        }
        assert all("Retry-After" in answer.headers for answer in answers)
        async with worker_running(centre.settings):
            later = await shop.call("POST", "/v1/payments", body)
        assert (201, "awaiting_payer", "true") == (
            later.status_code,
            later.json()["state"],
            later.headers["Idempotent-Replayed"],
        )
        saga = await shop.call("GET", f"/v1/payments/{later.json()['id']}/saga")
        assert (503, "unavailable") == (saga.status_code, saga.json()["code"])
