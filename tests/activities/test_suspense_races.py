"""An open step that runs twice at once: whoever took the item itself is not told that it has ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.refund import RefundSteps
from activities.transfer import TransferSteps
from domain.ids import new_id, new_refund_id, new_transfer_id
from domain.outgoing import RefundCommand, TransferCommand
from domain.states import Operation
from store.database import Database
from store.operations import OperationClaim, claim_operation
from tests.support.centre import eventually
from tests.support.gate import Gate
from tests.support.shop import Shop
from tests.support.suspense import Suspense

Answer = TypeVar("Answer")
_WAITS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND query LIKE '%suspense_take%'"
)


async def test_a_refund_that_took_the_item_itself_is_not_refused(shop: Shop) -> None:
    """The second run waits for the first one's commit, and finds its refund."""
    item = await Suspense(shop).bounced()
    command = RefundCommand(refund_id=new_refund_id(), merchant_id=shop.merchant_id)
    await _claimed(shop, Operation.REFUND, command.refund_id, {"suspense_item_id": item["id"]})
    first, second = await _twice(shop, "refund.open:before", lambda base: RefundSteps(base).open(command))
    assert (command.refund_id, first) == (second.refund_id, second)


async def test_a_transfer_that_took_the_item_itself_is_not_refused(shop: Shop) -> None:
    """The second run waits for the first one's commit, and finds its transfer."""
    item = await Suspense(shop).bounced()
    command = TransferCommand(transfer_id=new_transfer_id(), merchant_id=shop.merchant_id)
    body = {
        "transfer_no": command.transfer_id,
        "from_account_id": f"suspense:{shop.channel_account_id}:CNY",
        "to_account_id": shop.wallet_id,
        "suspense_item_id": item["id"],
        "amount_minor": item["amount_minor"],
        "currency": "CNY",
    }
    await _claimed(shop, Operation.TRANSFER, command.transfer_id, body)
    first, second = await _twice(shop, "transfer.post:before", lambda base: TransferSteps(base).post(command))
    assert (command.transfer_id, first) == (second.transfer_id, second)


async def _claimed(shop: Shop, operation: Operation, object_id: str, body: Mapping[str, Any]) -> None:
    claim = OperationClaim(
        merchant_id=shop.merchant_id,
        operation=operation,
        number=new_id("number"),
        request_hash="hash",
        new_id=object_id,
        body=body,
    )
    async with shop.centre.database.transaction("test.claim") as session:
        await claim_operation(session, claim)


async def _twice(shop: Shop, point: str, run: Callable[[Database], Awaitable[Answer]]) -> tuple[Answer, Answer]:
    """Both answers of a step whose first run stands before its commit while the second one begins."""
    gate = Gate(point)
    async with _database(shop, gate) as slow, _database(shop, None) as other:
        first = asyncio.ensure_future(ActivityEnvironment().run(run, slow))
        await gate.reached()
        second = asyncio.ensure_future(ActivityEnvironment().run(run, other))
        async with shop.centre.database.reading() as session:
            await eventually(lambda: session.scalar(_WAITS), bool)
        gate.open()
        return await first, await second


@asynccontextmanager
async def _database(shop: Shop, gate: Gate | None) -> AsyncIterator[Database]:
    database = Database.connect(shop.centre.addresses.database_url, pool_size=2, failpoints=gate)
    yield database
    await database.close()
