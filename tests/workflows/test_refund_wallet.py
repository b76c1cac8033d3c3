"""The payer's wallet stays open for as long as money is on its way back to it."""

import asyncio

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.refund import RefundSteps
from domain.ids import new_refund_id
from domain.outgoing import RefundCommand
from domain.states import Operation
from store.database import Database
from store.operations import OperationClaim, claim_operation
from tests.support.centre import eventually
from tests.support.gate import Gate
from tests.support.payee import as_operator
from tests.support.refunds import Refunds
from tests.support.shop import WALLET_MINOR, Shop

_WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


async def test_a_wallet_is_not_closed_beside_the_try_of_a_refund(shop: Shop) -> None:
    """Whoever closes it waits for the try, and then is told that a refund has not ended."""
    refunds = Refunds(shop)
    paid = await refunds.paid(amount_minor=WALLET_MINOR, balance_minor=WALLET_MINOR)
    gate = Gate("refund.open:before")
    database = Database.connect(shop.centre.addresses.database_url, pool_size=2, failpoints=gate)
    command = await _claimed(shop, refunds.body(paid["id"], 1_000, currency="CNY", lines=[], metadata={}))
    opening = asyncio.create_task(ActivityEnvironment().run(RefundSteps(database).open, command))
    await gate.reached()
    path = f"/v1/accounts/{shop.wallet_id}/close"
    closing = asyncio.create_task(as_operator(shop, "POST", path, {"reason": "moved"}))

    async def met() -> bool:
        async with shop.centre.database.reading() as session:
            return closing.done() or bool(await session.scalar(_WAITING))

    await eventually(met, bool)
    gate.open()
    assert "pending" == (await opening).state
    status, refused = await closing
    assert (409, "account_not_empty") == (status, refused["code"])
    await refunds.start_again(command.refund_id)
    await refunds.until(command.refund_id, "succeeded")
    assert (1_000, 0) == await shop.wallet()
    await database.close()


async def _claimed(shop: Shop, body: dict[str, object]) -> RefundCommand:
    """A refund that was asked for, and that nobody has tried yet."""
    refund_id = new_refund_id()
    claim = OperationClaim(
        merchant_id=shop.merchant_id,
        operation=Operation.REFUND,
        number=str(body.pop("refund_no")),
        request_hash="hash",
        new_id=refund_id,
        body=body,
    )
    async with shop.centre.database.transaction("test.claim") as session:
        await claim_operation(session, claim)
    return RefundCommand(refund_id=refund_id, merchant_id=shop.merchant_id)
