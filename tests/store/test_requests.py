"""Claims: which payment a call is about is decided once, by rows, before anything else happens (law 12)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from domain.errors import IdempotencyKeyReused, OrderNoTaken
from domain.ids import new_id, new_payment_id
from store.database import Database
from store.requests import Claimed, ObjectClaim, PaymentClaim, claim_object, claim_payment
from tests.support.servers import Addresses


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    connected = Database.connect(addresses.database_url, pool_size=20)
    yield connected
    await connected.close()


@pytest.fixture
def merchant_id() -> str:
    return new_id("mer")


async def _claim(database: Database, merchant_id: str, **fields: str | None) -> Claimed:
    asked = {"order_no": "order-1", "request_hash": "hash-1", "new_id": new_payment_id(), "key": None, **fields}
    async with database.transaction("test") as session:
        return await claim_payment(session, PaymentClaim(merchant_id=merchant_id, **asked))  # type: ignore[arg-type]


async def test_fifty_claims_at_once_are_one_payment(database: Database, merchant_id: str) -> None:
    """Whoever commits first decides; the others wait for it and join."""
    claims = await asyncio.gather(*(_claim(database, merchant_id, key="key-1") for _ in range(50)))
    assert (1, 1) == (len({one.payment_id for one in claims}), sum(not one.replayed for one in claims))


async def test_calls_with_and_without_a_key_meet_at_the_order_number(database: Database, merchant_id: str) -> None:
    """A key that comes to a claimed order number stands for that payment from then on."""
    first = await _claim(database, merchant_id)
    joined = await _claim(database, merchant_id, key="key-1")
    again = await _claim(database, merchant_id, key="key-1")
    assert {first.payment_id} == {joined.payment_id, again.payment_id}
    assert (True, True, False) == (joined.replayed, again.replayed, again.opened)


async def test_a_claim_whose_owner_died_is_resumed_and_young_again(database: Database, merchant_id: str) -> None:
    """The next caller gets the same payment id, and nobody drops the claim meanwhile."""
    first = await _claim(database, merchant_id, key="key-1")
    await _age(database, merchant_id)
    resumed = await _claim(database, merchant_id, key="key-1")
    assert (first.payment_id, True, False) == (resumed.payment_id, resumed.replayed, resumed.opened)
    assert [True, True] == await _young(database, merchant_id)


async def test_a_refused_claim_leaves_nothing(database: Database, merchant_id: str) -> None:
    """A key that came with a taken order number is free again."""
    await _claim(database, merchant_id, key="key-1")
    with pytest.raises(OrderNoTaken):
        await _claim(database, merchant_id, key="key-2", request_hash="hash-2")
    with pytest.raises(IdempotencyKeyReused):
        await _claim(database, merchant_id, key="key-1", request_hash="hash-2", order_no="order-2")
    second = await _claim(database, merchant_id, key="key-2", order_no="order-2", request_hash="hash-2")
    assert not second.replayed


async def test_keys_and_numbers_are_a_merchants_own(database: Database, merchant_id: str) -> None:
    """Two merchants may choose the same."""
    first = await _claim(database, merchant_id, key="key-1")
    second = await _claim(database, new_id("mer"), key="key-1")
    assert (False, False, True) == (first.replayed, second.replayed, first.payment_id != second.payment_id)


async def test_a_key_of_any_other_object_is_claimed_the_same_way(database: Database, merchant_id: str) -> None:
    """The first call's object is answered to every repeat; another body is refused; without a key all are new."""

    async def claim(key: str | None, request_hash: str = "hash-1") -> tuple[str, bool]:
        async with database.transaction("test") as session:
            return await claim_object(session, ObjectClaim(merchant_id, "things", request_hash, new_id("thg"), key))

    first, *repeats = await asyncio.gather(*(claim("key-1") for _ in range(10)))
    assert {first[0]} == {object_id for object_id, _ in repeats}
    with pytest.raises(IdempotencyKeyReused):
        await claim("key-1", "hash-2")
    assert (await claim(None))[0] != (await claim(None))[0]


async def _age(database: Database, merchant_id: str) -> None:
    async with database.transaction("test") as session:
        for table, column in (("idempotency_key", "created_at"), ("order_claim", "claimed_at")):
            aged = f"UPDATE {table} SET {column} = now() - interval '2 hours' WHERE merchant_id = :id"  # noqa: S608
            await session.execute(text(aged), {"id": merchant_id})


async def _young(database: Database, merchant_id: str) -> list[bool]:
    young = (
        "SELECT created_at > now() - interval '1 minute' FROM idempotency_key WHERE merchant_id = :id"
        " UNION ALL SELECT claimed_at > now() - interval '1 minute' FROM order_claim WHERE merchant_id = :id"
    )
    async with database.reading() as session:
        return list((await session.execute(text(young), {"id": merchant_id})).scalars())
