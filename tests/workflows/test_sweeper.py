"""Workflow closed ⇔ business state terminal: whatever was ended by hand runs again from its rows (law 11)."""

from datetime import timedelta

from sqlalchemy import text

from domain.commands import SweepCommand, SweepCounts
from domain.ids import new_id
from store.tables.sweeps import SweepRun
from tests.support.books import book_is_sound
from tests.support.shop import STOCK, WALLET_MINOR, Shop
from workflows.sweeper import SweeperWorkflow

_MERCHANT_ROWS = text("SELECT count(*) FROM payment_request WHERE payment_id = :id")


async def sweep(shop: Shop, grace_s: int = 0, batch: int = 500) -> SweepCounts:
    """One run of the sweeper."""
    return await shop.centre.temporal.execute_workflow(
        SweeperWorkflow.run, SweepCommand(grace_s=grace_s, batch=batch), id=new_id("sweep"), task_queue="saga"
    )


async def terminate(shop: Shop, payment_id: str) -> None:
    """An operator ends the workflow in the Temporal UI."""
    await shop.centre.temporal.get_workflow_handle(payment_id).terminate("by hand")


async def test_a_terminated_payment_that_waits_is_started_again_and_succeeds(shop: Shop) -> None:
    """Started again with the same id and an empty history it goes on from rows and reaches the same end."""
    started = await shop.pay(lines=True, balance_minor=1_000)
    await terminate(shop, started["id"])
    assert (await sweep(shop)).started_again >= 1
    await shop.payer_pays(started["out_no"])
    await shop.until(started["id"], "succeeded")
    assert ((STOCK, 0, 2), (WALLET_MINOR - 1_000, 0)) == (await shop.stock(), await shop.wallet())
    await book_is_sound(shop)


async def test_a_payment_terminated_after_the_pivot_is_brought_home(shop: Shop) -> None:
    """The pivot is a committed row: the callback is applied, the confirm is not, the workflow is gone."""
    started = await shop.pay(lines=True, balance_minor=1_000)
    await terminate(shop, started["id"])
    await shop.payer_pays(started["out_no"])
    await shop.pivot_by_hand(started["id"], started["out_no"])
    assert "confirming" == (await shop.payment(started["id"]))["state"]
    await sweep(shop)
    await shop.until(started["id"], "succeeded")
    assert ((STOCK, 0, 2), (WALLET_MINOR - 1_000, 0)) == (await shop.stock(), await shop.wallet())
    await book_is_sound(shop)


async def test_a_payment_terminated_while_closing_is_closed(shop: Shop) -> None:
    """The decision to close is a row as well: nothing is left held."""
    started = await shop.pay(lines=True, balance_minor=1_000)
    await shop.fault("query", "status_500", times=2, out_no=started["out_no"])
    await shop.call("POST", f"/v1/payments/{started['id']}/close")
    await terminate(shop, started["id"])
    await sweep(shop)
    await shop.until(started["id"], "closed")
    assert ((STOCK, 0, 0), (WALLET_MINOR, 0)) == (await shop.stock(), await shop.wallet())


async def test_every_open_object_is_looked_at_however_many_there_are(shop: Shop) -> None:
    """A batch is not a limit: those behind the first ones are not forgotten."""
    started = [await shop.pay() for _ in range(3)]
    for payment in started:
        await terminate(shop, payment["id"])
    assert (await sweep(shop, batch=1)).started_again >= 3
    for payment in started:
        await shop.post(f"/v1/payments/{payment['id']}/close", None)


async def test_young_objects_are_left_alone_and_the_counts_are_published(shop: Shop) -> None:
    """The grace is a setting; each run leaves its counts in a row."""
    started = await shop.pay()
    await terminate(shop, started["id"])
    counts = await sweep(shop, grace_s=120)
    assert 0 == counts.started_again
    async with shop.centre.database.reading() as session:
        newest = await session.scalar(text("SELECT max(id) FROM sweep_run"))
        run = await session.get(SweepRun, newest)
    assert run is not None
    await sweep(shop)
    await shop.post(f"/v1/payments/{started['id']}/close", None)


async def test_claims_without_a_payment_are_dropped_after_an_hour(shop: Shop) -> None:
    """A key whose owner died before anything began is forgotten; the same call then starts anew."""
    payment_id = await shop.claim_without_starting(age=timedelta(hours=2))
    young_id = await shop.claim_without_starting(age=timedelta(minutes=5))
    await sweep(shop)

    async def kept(one: str) -> int:
        async with shop.centre.database.reading() as session:
            return int(await session.scalar(_MERCHANT_ROWS, {"id": one}) or 0)

    assert (0, 1) == (await kept(payment_id), await kept(young_id))
