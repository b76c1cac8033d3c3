"""A workflow that ended before it had made its object does not use up the number that it was asked for under."""

from api.idempotency import request_hash
from api.outgoing_bodies import PayoutBody
from domain.ids import new_payout_id
from domain.outgoing import PayoutCommand
from domain.states import Operation
from store.operations import OperationClaim, claim_operation
from tests.support.payee import claim_is_kept, fund_at_channel, payout_body, payout_until
from tests.support.shop import WALLET_MINOR, Shop


async def test_a_number_whose_workflow_ended_too_early_is_free_at_the_next_call(shop: Shop) -> None:
    """Its own repeats must not keep it alive: the first one drops it, the second one makes the payout, once."""
    await fund_at_channel(shop)
    body = payout_body(shop)
    lost = await ended_too_early(shop, body)
    away = await shop.call("POST", "/v1/payouts", body)
    assert (503, "unavailable") == (away.status_code, away.json()["code"])
    assert not await claim_is_kept(shop, lost)
    made = await shop.post("/v1/payouts", body)
    assert lost != made["id"]
    await payout_until(shop, made["id"], "succeeded")
    assert (WALLET_MINOR - 5_000, 0) == await shop.wallet()


async def ended_too_early(shop: Shop, body: dict[str, object]) -> str:
    """A payout whose workflow was terminated before a worker saw it; answers its id."""
    payout_id = new_payout_id()
    claim = OperationClaim(
        merchant_id=shop.merchant_id,
        operation=Operation.PAYOUT,
        number=str(body["payout_no"]),
        request_hash=request_hash(PayoutBody.model_validate(body)),
        new_id=payout_id,
        body={},
    )
    async with shop.centre.database.transaction("test.claim") as session:
        await claim_operation(session, claim)
    command = PayoutCommand(payout_id=payout_id, merchant_id=shop.merchant_id)
    handle = await shop.centre.temporal.start_workflow("Payout", command, id=payout_id, task_queue="nobody")
    await handle.terminate("by hand")
    return payout_id
