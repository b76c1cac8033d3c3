"""Versioned workers: a payment ends with the version that began it, whatever became current meanwhile."""

import asyncio
from datetime import timedelta

from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleActionStartWorkflow, WorkflowExecutionStatus
from temporalio.testing import ActivityEnvironment

from activities.stranded import pinned_version
from activities.sweep import SILENCE, Sweep
from domain.commands import SweepCommand, SweepCounts
from schedules import ENDS_WITHIN, add_schedules
from tests.support.books import book_is_sound
from tests.support.centre import eventually
from tests.support.shop import STOCK, Shop
from tests.support.worker_process import Release
from tests.upgrades.conftest import Fleet
from tests.upgrades.releases import later
from tests.upgrades.traces import callers, times_read, versions
from tests.workflows.test_transfer import other_wallet, transfer_body

V1, V2 = Release(version="v1"), later("changed", version="v2")


async def paid(shop: Shop, *payments: dict[str, str]) -> None:
    """The payer pays each of them, and each succeeds."""
    for payment in payments:
        await shop.payer_pays(payment["out_no"])
    for payment in payments:
        await shop.until(payment["id"], "succeeded")


async def swept(shop: Shop, silence: timedelta) -> SweepCounts:
    """One look of the sweeper for which workers are gone that were silent for so long."""
    sweep = Sweep(shop.centre.database, shop.centre.temporal, silence=silence)
    return await ActivityEnvironment().run(sweep.compare, SweepCommand(grace_s=0))


async def test_open_payments_end_where_they_began_and_new_ones_begin_at_the_current_version(
    quiet_shop: Shop, fleet: Fleet
) -> None:
    """Old and new workers together, although the new code fits no old history; then the old version drains."""
    shop = quiet_shop
    old = await fleet.start_process(V1)
    body = shop.order(lines=True, balance_minor=1_000)
    first = await shop.post("/v1/payments", body)
    await fleet.start_process(V2)
    second = await shop.pay(lines=True, balance_minor=1_000)
    assert first["id"] == (await shop.post("/v1/payments", body))["id"]
    assert "draining" == await fleet.deployment.drainage("v1")
    await paid(shop, first, second)
    assert ({"v1"}, {"v2"}) == (await versions(shop, first["id"]), await versions(shop, second["id"]))
    assert ({"v1"}, {"v2"}) == (await callers(shop, first["id"]), await callers(shop, second["id"]))
    assert (1, 2) == (await times_read(shop, first["id"]), await times_read(shop, second["id"]))
    await eventually(lambda: fleet.deployment.drainage("v1"), lambda word: word == "drained")
    await asyncio.to_thread(old.child.stop)
    third = await shop.pay(lines=True)
    await paid(shop, third)
    assert (STOCK, 0, 6) == await shop.stock()
    await book_is_sound(shop)


async def test_after_a_rollback_new_payments_are_the_old_versions_again(quiet_shop: Shop, fleet: Fleet) -> None:
    """What the withdrawn version has begun ends with its own workers."""
    shop = quiet_shop
    await fleet.start(V1)
    await fleet.start(V2)
    withdrawn = await shop.pay(lines=True)
    await fleet.deployment.make_current("v1")
    after = await shop.pay(lines=True)
    await paid(shop, withdrawn, after)
    assert ({"v2"}, {"v1"}) == (await versions(shop, withdrawn["id"]), await versions(shop, after["id"]))
    await book_is_sound(shop)


async def test_a_payment_whose_version_is_gone_is_moved_to_the_current_one(quiet_shop: Shop, fleet: Fleet) -> None:
    """Not while its workers may still come for it; then it starts again from its rows, and ends once."""
    shop = quiet_shop
    old = await fleet.start_process(V1)
    started = await shop.pay(lines=True, balance_minor=1_000)
    await fleet.start(V2)
    await asyncio.to_thread(old.child.kill)
    assert 0 == (await swept(shop, SILENCE)).started_again
    assert 1 == (await swept(shop, timedelta(0))).started_again
    assert 0 == (await swept(shop, timedelta(0))).started_again
    await paid(shop, started)
    assert {"v2"} == await versions(shop, started["id"])
    assert (STOCK, 0, 2) == await shop.stock()
    await book_is_sound(shop)


async def test_an_ended_payment_whose_version_is_gone_is_closed_by_the_current_one(
    quiet_shop: Shop, fleet: Fleet
) -> None:
    """The worker died between the last commit and its answer: the row has ended, so must the workflow (law 11)."""
    shop, point = quiet_shop, "inventory+funds.confirm:after"
    old = await fleet.start_process(V1, failpoints=f"{point}=park")
    started = await shop.pay(lines=True)
    await shop.payer_pays(started["out_no"])
    await old.until_parked({point})
    await fleet.start(V2)
    await asyncio.to_thread(old.child.kill)
    payment = shop.centre.temporal.get_workflow_handle(started["id"])

    async def swept_until_closed() -> WorkflowExecutionStatus | None:
        await swept(shop, timedelta(0))
        return (await payment.describe()).status

    await eventually(swept_until_closed, lambda status: status is WorkflowExecutionStatus.COMPLETED)
    assert 0 == (await swept(shop, timedelta(0))).open_workflows_of_ended_objects
    assert ({"v2"}, "succeeded") == (await versions(shop, started["id"]), (await shop.payment(started["id"]))["state"])
    await book_is_sound(shop)


async def test_an_ended_transfer_whose_version_is_gone_is_closed_by_the_current_one(
    quiet_shop: Shop, fleet: Fleet
) -> None:
    """Posted, and not answered: its workflow waited for another run of the step when its workers went."""
    shop, point = quiet_shop, "transfer.post:after"
    old = await fleet.start_process(V1, failpoints=f"{point}=park")
    body = transfer_body(shop, await other_wallet(shop))
    posting = asyncio.create_task(shop.call("POST", "/v1/transfers", body))
    await old.until_parked({point})
    transfer_id = (await shop.get(f"/v1/transfers?transfer_no={body['transfer_no']}"))["items"][0]["id"]
    transfer = shop.centre.temporal.get_workflow_handle(transfer_id)
    await eventually(transfer.describe, lambda found: pinned_version(found) is not None)
    await posting
    await fleet.start(V2)
    await asyncio.to_thread(old.child.kill)

    async def swept_until_closed() -> WorkflowExecutionStatus | None:
        await swept(shop, timedelta(0))
        return (await transfer.describe()).status

    await eventually(swept_until_closed, lambda status: status is WorkflowExecutionStatus.COMPLETED)
    assert 0 == (await swept(shop, timedelta(0))).open_workflows_of_ended_objects
    assert {"v2"} == await versions(shop, transfer_id)
    await book_is_sound(shop)


async def test_while_the_current_version_is_down_its_payments_wait(quiet_shop: Shop, fleet: Fleet) -> None:
    """Starting them again would bring them to the same workers: an outage moves nothing."""
    shop = quiet_shop
    worker = await fleet.start(V1)
    started = await shop.pay(lines=True)
    await worker.aclose()
    assert 0 == (await swept(shop, timedelta(0))).started_again
    await fleet.start(V1)
    await paid(shop, started)


async def test_versions_begin_and_end_under_open_payments(quiet_shop: Shop, fleet: Fleet) -> None:
    """From workers without a version to versioned ones and back, with payments open all the time."""
    shop = quiet_shop
    plain = await fleet.start(Release())
    first = await shop.pay(lines=True)
    await fleet.start(V1)
    await plain.aclose()
    second = await shop.pay(lines=True)
    await paid(shop, first)
    await fleet.start(Release())
    await fleet.deployment.give_up_versions()
    third = await shop.pay(lines=True)
    await paid(shop, second, third)
    assert {"", "v1"} == await versions(shop, first["id"])
    assert ({"v1"}, {""}) == (await versions(shop, second["id"]), await versions(shop, third["id"]))
    await book_is_sound(shop)


async def test_what_runs_on_a_schedule_begins_at_the_current_version(quiet_shop: Shop, fleet: Fleet) -> None:
    """A run that a vanished version had begun holds up the later ones only until its time is over."""
    shop, client = quiet_shop, quiet_shop.centre.temporal
    await fleet.start(V1)
    await add_schedules(client, shop.centre.settings)
    for name in ENDS_WITHIN:
        action = (await client.get_schedule_handle(name).describe()).schedule.action
        assert isinstance(action, ScheduleActionStartWorkflow)
        assert ENDS_WITHIN[name] == action.run_timeout
    await fleet.start(V2)
    sweeper = client.get_schedule_handle("sweeper")
    await sweeper.trigger()

    async def begun() -> list[str]:
        ran = [run.action for run in (await sweeper.describe()).info.recent_actions]
        return [one.workflow_id for one in ran if isinstance(one, ScheduleActionExecutionStartWorkflow)]

    workflow_id = (await eventually(begun, bool))[-1]
    await client.get_workflow_handle(workflow_id).result()
    assert {"v2"} == await versions(shop, workflow_id)
