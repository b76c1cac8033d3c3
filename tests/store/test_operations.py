"""A number belongs to one request: who drops it, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from domain.ids import new_id, new_payout_id
from domain.states import Operation
from store.database import Database
from store.operations import OperationClaim, claim_operation, drop_operation

_AGE = text("UPDATE operation_request SET created_at = now() - interval '2 hours' WHERE object_id = :id")
_MERCHANT = text("INSERT INTO merchant (id, name) VALUES (:id, 'Test shop')")
_TOP_UP = text(
    "INSERT INTO payment (id, merchant_id, purpose, order_no, to_account_id, state, close_reason, amount_minor,"
    " currency, channel_minor, subject, payer, metadata, expires_at)"
    " VALUES (:id, :merchant_id, 'top_up', 'number-1', 'acc_1', 'closed', 'expired', 100, 'CNY', 100, 'Test', '{}',"
    " '{}', now())"
)


async def claimed(database: Database) -> OperationClaim:
    """A payout that was asked for two hours ago, and is not there."""
    claim = OperationClaim(
        merchant_id=new_id("mer"),
        operation=Operation.PAYOUT,
        number="number-1",
        request_hash="hash",
        new_id=new_payout_id(),
        body={},
    )
    async with database.transaction("test.claim") as session:
        await claim_operation(session, claim)
        await session.execute(_AGE, {"id": claim.new_id})
    return claim


async def test_a_number_that_was_asked_for_again_is_not_dropped_as_an_old_one(database: Database) -> None:
    """The sweeper looks, the same call comes once more and starts it, the sweeper drops: too late."""
    before = datetime.now(UTC) - timedelta(hours=1)
    claim = await claimed(database)
    async with database.transaction("test.repeat") as session:
        await claim_operation(session, replace(claim, new_id=new_payout_id()))
    async with database.transaction("test.drop") as session:
        assert not await drop_operation(session, claim.new_id, before=before)
        assert await drop_operation(session, claim.new_id)


async def test_an_old_number_of_nothing_is_dropped(database: Database) -> None:
    """Once."""
    before = datetime.now(UTC) - timedelta(hours=1)
    claim = await claimed(database)
    async with database.transaction("test.drop") as session:
        assert await drop_operation(session, claim.new_id, before=before)
        assert not await drop_operation(session, claim.new_id)


async def test_two_top_ups_never_have_one_number(database: Database) -> None:
    """Not even when the first has ended: the row itself refuses the second."""
    merchant_id = new_id("mer")
    async with database.transaction("test.first") as session:
        await session.execute(_MERCHANT, {"id": merchant_id})
        await session.execute(_TOP_UP, {"id": new_id("top"), "merchant_id": merchant_id})
    with pytest.raises(IntegrityError, match="payment_top_up_no"):
        async with database.transaction("test.second") as session:
            await session.execute(_TOP_UP, {"id": new_id("top"), "merchant_id": merchant_id})
