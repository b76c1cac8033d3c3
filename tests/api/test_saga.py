"""What a saga tells, and what a POST answers, while the engine or the workers are not there to ask."""

import asyncio

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

from tests.support.centre import Centre, eventually, worker_running
from tests.support.servers import Addresses
from tests.support.shop import Shop


async def test_past_the_engines_memory_a_saga_is_rebuilt_from_rows(centre: Centre, shop: Shop) -> None:
    """The answer says where it comes from; branches, attempts and pivot are those of the payment."""
    payment = await shop.pay(lines=True, balance_minor=1_000)
    await shop.payer_pays(payment["out_no"])
    await shop.until(payment["id"], "succeeded")
    await centre.temporal.get_workflow_handle(payment["id"]).result()
    forgotten = DeleteWorkflowExecutionRequest(
        namespace=centre.settings.temporal_namespace, workflow_execution=WorkflowExecution(workflow_id=payment["id"])
    )
    await centre.temporal.workflow_service.delete_workflow_execution(forgotten)
    path = f"/v1/payments/{payment['id']}/saga"
    saga = await eventually(lambda: shop.get(path), lambda saga: saga["source"] == "rows")
    assert ("succeeded", True) == (saga["state"], saga["pivot_passed"])
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
