"""What is told to Temporal at every start, and what stays as an operator left it."""

from datetime import timedelta

import worker
from domain.ids import new_id
from schedules import add_schedules
from tests.support.centre import centre_settings, make_namespace
from tests.support.servers import Addresses


async def test_a_schedule_that_an_operator_paused_stays_paused(addresses: Addresses) -> None:
    """A start changes its periods, never whether it runs; the others run."""
    settings = centre_settings(addresses, namespace=new_id("test"), api_port=1)
    await make_namespace(settings)
    client = await worker.connect(settings)
    await add_schedules(client, settings)
    watch, seal = (client.get_schedule_handle(name) for name in ("watch", "seal"))
    await watch.pause(note="while the channel is repaired")
    await add_schedules(client, settings.model_copy(update={"watch_every_s": 7}))
    schedule = (await watch.describe()).schedule
    assert (True, "while the channel is repaired") == (schedule.state.paused, schedule.state.note)
    assert [timedelta(seconds=7)] == [interval.every for interval in schedule.spec.intervals]
    assert not (await seal.describe()).schedule.state.paused


async def test_a_night_that_the_server_slept_through_is_made_up_for(addresses: Addresses) -> None:
    """The nightly look at everything comes late rather than not at all."""
    settings = centre_settings(addresses, namespace=new_id("test"), api_port=1)
    await make_namespace(settings)
    client = await worker.connect(settings)
    await add_schedules(client, settings)
    described = await client.get_schedule_handle("verify-everything").describe()
    assert timedelta(hours=6) == described.schedule.policy.catchup_window
