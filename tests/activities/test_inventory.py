"""Inventory as a TCC participant (law 3), on real PostgreSQL: whatever order the calls come in, stock is right."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.exc import DBAPIError

from activities.inventory import Inventory
from domain.errors import OutOfStock, SkuOffSale, TryAfterCancel
from store.database import Database
from tests.activities.till import Till
from tests.support.servers import Addresses

inventory = Inventory()


@pytest.fixture
async def till(addresses: Addresses) -> AsyncIterator[Till]:
    database = Database.connect(addresses.database_url, pool_size=20)
    till = await Till(database).open()
    await till.stock("tea", 10)
    yield till
    await database.close()


async def test_each_call_again_changes_nothing(till: Till) -> None:
    """A step runs again after every crash: reserved once, sold once."""
    payment_id = await till.payment(("tea", 3))
    for _ in range(2):
        await till.try_(inventory, payment_id)
        assert [(10, 3, 0)] == await till.counts("tea")
    for _ in range(2):
        await till.confirm(inventory, payment_id)
        assert [(10, 0, 3)] == await till.counts("tea")
    await till.try_(inventory, payment_id)
    assert [(10, 0, 3)] == await till.counts("tea")


async def test_a_cancel_gives_back_once(till: Till) -> None:
    """A repeat gives back nothing more, and a late try of the same payment is refused."""
    payment_id = await till.payment(("tea", 3))
    await till.try_(inventory, payment_id)
    for _ in range(2):
        await till.cancel(inventory, payment_id)
        assert [(10, 0, 0)] == await till.counts("tea")
    with pytest.raises(TryAfterCancel):
        await till.try_(inventory, payment_id)


async def test_an_empty_cancel_bars_the_try_that_comes_later(till: Till) -> None:
    """The tombstone: nothing is reserved that nobody will ever release."""
    payment_id = await till.payment(("tea", 3))
    for _ in range(2):
        await till.cancel(inventory, payment_id)
    with pytest.raises(TryAfterCancel):
        await till.try_(inventory, payment_id)
    assert [(10, 0, 0)] == await till.counts("tea")


async def test_a_cancel_after_the_confirm_is_a_fault(till: Till) -> None:
    """It compensates nothing (law 7): what is sold stays sold."""
    payment_id = await till.payment(("tea", 3))
    await till.try_(inventory, payment_id)
    await till.confirm(inventory, payment_id)
    with pytest.raises(DBAPIError, match="is confirmed"):
        await till.cancel(inventory, payment_id)
    assert [(10, 0, 3)] == await till.counts("tea")


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_confirm_of_what_is_not_held_is_a_fault(till: Till, *, cancelled: bool) -> None:
    """Nothing is sold that was not reserved."""
    payment_id = await till.payment(("tea", 3))
    if cancelled:
        await till.cancel(inventory, payment_id)
    with pytest.raises(DBAPIError, match=f"is {'released' if cancelled else 'missing'}"):
        await till.confirm(inventory, payment_id)
    assert [(10, 0, 0)] == await till.counts("tea")


async def test_a_cancel_that_overtakes_its_try_wins(till: Till) -> None:
    """The try waits for the cancel's commit, and is refused."""
    payment_id = await till.payment(("tea", 3))
    with pytest.raises(TryAfterCancel):
        await till.overtake(
            lambda session: inventory.cancel(session, payment_id), lambda session: inventory.try_(session, payment_id)
        )
    assert [(10, 0, 0)] == await till.counts("tea")


async def test_a_cancel_during_its_try_waits_and_gives_back(till: Till) -> None:
    """It does not take the uncommitted try for none."""
    payment_id = await till.payment(("tea", 3))
    await till.overtake(
        lambda session: inventory.try_(session, payment_id), lambda session: inventory.cancel(session, payment_id)
    )
    assert [(10, 0, 0)] == await till.counts("tea")


async def test_tries_and_cancels_at_once_leave_nothing_reserved(till: Till) -> None:
    """Either order is right; a refused try is the only other answer."""
    payments = [await till.payment(("tea", 1)) for _ in range(8)]
    calls = [call for one in payments for call in (till.try_(inventory, one), till.cancel(inventory, one))]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(None), TryAfterCancel} >= {type(result) for result in results}
    assert [(10, 0, 0)] == await till.counts("tea")


async def test_the_last_item_goes_to_one_of_two(till: Till) -> None:
    """The other payment is refused; nothing is sold twice."""
    await till.stock("cup", 1)
    payments = [await till.payment(("cup", 1)) for _ in range(2)]
    results = await asyncio.gather(*(till.try_(inventory, one) for one in payments), return_exceptions=True)
    assert [type(None), OutOfStock] == sorted(
        (type(result) for result in results), key=lambda one: one.__name__ == "OutOfStock"
    )
    assert [(1, 1, 0)] == await till.counts("cup")


async def test_a_refused_try_leaves_nothing_and_may_be_tried_again(till: Till) -> None:
    """One line that cannot be reserved gives back the others, and when there is stock the same payment gets it."""
    await till.stock("cup", 0)
    payment_id = await till.payment(("tea", 1), ("cup", 1))
    with pytest.raises(OutOfStock):
        await till.try_(inventory, payment_id)
    assert [(10, 0, 0)] == await till.counts("tea")
    await till.stock("cup", 1, warehouse="other")
    await till.try_(inventory, payment_id)
    assert [(0, 0, 0), (1, 1, 0)] == await till.counts("cup")


async def test_what_is_off_sale_is_refused(till: Till) -> None:
    """And a product that does not exist, or is another merchant's."""
    await till.stock("old", 5, on_sale=False)
    for sku in ("old", "unknown"):
        with pytest.raises(SkuOffSale):
            await till.try_(inventory, await till.payment((sku, 1)))


async def test_a_line_is_reserved_in_one_warehouse(till: Till) -> None:
    """The one that was asked for, else the fullest; a line is not divided."""
    await till.stock("cup", 2, warehouse="a")
    await till.stock("cup", 3, warehouse="b")
    await till.try_(inventory, await till.payment(("cup", 2)))
    await till.try_(inventory, await till.payment(("cup", 1, "a")))
    assert [(2, 1, 0), (3, 2, 0)] == await till.counts("cup")
    with pytest.raises(OutOfStock):
        await till.try_(inventory, await till.payment(("cup", 2)))


async def test_opposing_line_orders_have_no_deadlock(till: Till) -> None:
    """Stock rows are locked in one order, whatever the order of the lines."""
    await till.stock("cup", 40)
    await till.stock("pot", 40)
    orders = [(("cup", 1), ("pot", 1)), (("pot", 1), ("cup", 1))] * 10
    payments = [await till.payment(*lines) for lines in orders]
    await asyncio.gather(*(till.try_(inventory, one) for one in payments))
    ends = [
        till.confirm(inventory, one) if number % 2 else till.cancel(inventory, one)
        for number, one in enumerate(payments)
    ]
    await asyncio.gather(*ends)
    assert [[(40, 0, 10)], [(40, 0, 10)]] == [await till.counts(sku) for sku in ("cup", "pot")]


async def test_lines_with_and_without_a_warehouse_have_no_deadlock(till: Till) -> None:
    """A line that may come from anywhere looks at all warehouses: they are locked in one order too."""
    for warehouse in ("a", "b"):
        await till.stock("cup", 100, warehouse=warehouse)
    orders = [(("cup", 1, "a"), ("cup", 1)), (("cup", 1, "b"), ("cup", 1))] * 10
    payments = [await till.payment(*lines) for lines in orders]
    await asyncio.gather(*(till.try_(inventory, one) for one in payments))
    assert 40 == sum(reserved for _, reserved, _ in await till.counts("cup"))
