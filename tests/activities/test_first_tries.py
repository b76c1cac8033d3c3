import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.event_resend import resend
from devstack.ports import free_port
from store.database import Database
from store.failpoints import Failpoints
from tests.activities.business import Business
from tests.activities.receiver import Receiver, Stall, answer
from tests.activities.rounds import Round, another_business_unheard

LAPSED = timedelta(0)


@pytest.fixture
def round_(business: Business, event_client: Client) -> Round:
    return Round(business, event_client)


async def activity_of_the_only_delivery(round_: Round) -> Any:  # noqa: ANN401 - a handle of any result
    (delivery,) = await round_.business.deliveries()
    return round_.client.get_activity_handle(delivery["id"])


async def test_a_business_that_takes_its_event_costs_no_activity(round_: Round, receiver: Receiver) -> None:
    """The same signed call and the same rows as from Temporal, which never hears of it."""
    event_id = await round_.tell()
    (call,) = receiver.calls
    assert event_id == Webhook(round_.business.secret).verify(call.body, call.headers)["id"]
    (delivery,) = await round_.business.deliveries()
    assert ("delivered", 1) == (delivery["state"], delivery["attempts"])
    (attempt,) = await round_.business.rows("SELECT number, status, error, answer FROM delivery_attempt")
    assert {"number": 1, "status": 200, "error": None, "answer": "ok"} == attempt
    assert (0, False) == (await round_.unhanded(), await round_.has_activity(delivery["id"]))


async def test_what_was_not_taken_at_first_is_delivered_by_temporal(round_: Round, receiver: Receiver) -> None:
    """Its tries are numbered on, and each has the same id and body."""
    receiver.answers = [answer(500), answer(503)]
    await round_.tell()
    assert ([("pending", 1)], 0) == (await round_.states(), await round_.unhanded())
    async with round_.working():
        await (await activity_of_the_only_delivery(round_)).result()
    assert [("delivered", 3)] == await round_.states()
    log = await round_.business.rows("SELECT number, status FROM delivery_attempt ORDER BY number")
    assert [(1, 500), (2, 503), (3, 200)] == [(attempt["number"], attempt["status"]) for attempt in log]
    assert 1 == len({(call.headers["webhook-id"], call.body) for call in receiver.calls})


async def test_the_second_try_waits_as_the_schedule_says(round_: Round, receiver: Receiver) -> None:
    """The business that refused a moment ago is not asked again at once."""
    round_.schedule = replace(round_.schedule, first_wait=timedelta(minutes=5), longest_wait=timedelta(minutes=5))
    round_.feed = round_.another_feed()
    receiver.answers = [answer(500)]
    await round_.tell()
    description = await (await activity_of_the_only_delivery(round_)).describe()
    assert timedelta(minutes=5) == description.start_delay


async def test_gone_at_the_first_try_ends_the_delivery(round_: Round, receiver: Receiver) -> None:
    """410 says that nobody listens there any more; Temporal need not ask."""
    receiver.answers = [answer(410)]
    await round_.tell()
    (delivery,) = await round_.business.deliveries()
    assert ("failed", False, 0) == (
        delivery["state"],
        await round_.has_activity(delivery["id"]),
        await round_.unhanded(),
    )


async def test_a_business_that_failed_a_moment_ago_is_left_to_temporal(round_: Round, receiver: Receiver) -> None:
    """Its next event has its activity at once and costs the feed no call."""
    receiver.answers = [answer(500)]
    await round_.tell()
    await round_.tell()
    assert 1 == len(receiver.calls)
    assert [("pending", 1), ("pending", 0)] == await round_.states()
    assert 0 == await round_.unhanded()
    async with round_.working():
        for delivery in await round_.business.deliveries():
            await round_.client.get_activity_handle(delivery["id"]).result()
    assert 3 == len(receiver.calls)


async def test_nothing_is_sent_first_that_cannot_be_verified(round_: Round, receiver: Receiver) -> None:
    """A `notify_url` without a registered webhook has its attempt without a call, and waits in Temporal."""
    await round_.business.change("DELETE FROM webhook_endpoint")
    await round_.tell(notify_url=receiver.url)
    assert [{"error": "no_secret"}] == await round_.business.rows("SELECT error FROM delivery_attempt")
    assert ([], [("pending", 1)]) == (receiver.calls, await round_.states())


async def test_dead_endpoints_hold_up_neither_the_numbers_nor_another_business(
    round_: Round, receiver: Receiver
) -> None:
    """A hundred deliveries to an endpoint that never answers stand before the one that is taken while they wait."""
    async with another_business_unheard(round_, 100) as silent:
        await round_.business.tell()
        await round_.feed.tick()
        assert 0 == len(await round_.business.rows("SELECT id FROM event WHERE feed_no IS NULL"))
        await receiver.wait_for_calls(1)
        assert [] == await round_.business.rows("SELECT delivery_id FROM delivery_attempt WHERE error = 'timeout'")
        await round_.feed.finish()
        tried = await round_.business.rows("SELECT delivery_id FROM delivery_attempt WHERE error = 'timeout'")
    assert 0 < len(tried) == len(silent.calls) <= 16
    assert 0 == await round_.unhanded()


async def test_a_rush_of_one_business_leaves_room_for_another(round_: Round, receiver: Receiver) -> None:
    """However many deliveries wait for an endpoint that is slow, the next merchant's is tried at once."""
    round_.schedule = replace(round_.schedule, first_limit=timedelta(seconds=20))
    round_.feed = round_.another_feed(own_for=timedelta(minutes=1))
    async with another_business_unheard(round_, 270):
        await round_.feed.tick()
        await round_.business.tell()
        await round_.feed.tick()
        await receiver.wait_for_calls(1)
        await round_.feed.finish()


async def test_two_feeds_send_once(round_: Round, receiver: Receiver) -> None:
    """A delivery is its own feed's; others neither send it nor start its activity."""
    receiver.answers = [Stall(b"HTTP/1.1 ")]
    feeds = [round_.another_feed() for _ in range(4)]
    events = [await round_.business.tell() for _ in range(40)]
    while any(await asyncio.gather(*(feed.tick() for feed in feeds))):
        pass
    await asyncio.gather(*(feed.finish() for feed in feeds))
    assert sorted(events) == sorted(call.headers["webhook-id"] for call in receiver.calls)
    stalled = [delivery for delivery in await round_.business.deliveries() if delivery["state"] == "pending"]
    assert 1 == len(stalled)
    assert 0 == await round_.unhanded()


@pytest.mark.parametrize("died_at", ["webhook.first:before", "webhook.first:after"])
async def test_a_feed_that_died_around_the_record_loses_nothing(
    round_: Round, receiver: Receiver, event_url: str, died_at: str
) -> None:
    """Told, and no row says so: it is told again under the same id. Once the row says so, never again."""
    failpoints = Failpoints({died_at: "park"})
    dying = round_.another_feed(database=Database.connect(event_url, failpoints=failpoints))
    await round_.business.tell()
    await dying.tick()
    tried = died_at.endswith("after")
    await parked(failpoints)
    await drop_open_transactions(round_.business)
    assert not await round_.another_feed().tick(), "its own feed may still be at it"
    async with round_.working():
        await round_.another_feed(own_for=LAPSED).tick()
        if not tried:
            await (await activity_of_the_only_delivery(round_)).result()
    assert [("delivered", 1)] == await round_.states()
    assert (1 if tried else 2, 0) == (len(receiver.calls), await round_.unhanded())
    assert 1 == len({(call.headers["webhook-id"], call.body) for call in receiver.calls})


async def parked(failpoints: Failpoints) -> None:
    async with asyncio.timeout(20):
        while not failpoints.parked:
            await asyncio.sleep(0)


async def drop_open_transactions(business: Business) -> None:
    """What PostgreSQL does when the process is gone."""
    await business.rows(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND state = 'idle in transaction'"""
    )


async def test_a_feed_that_died_before_its_try_leaves_the_delivery_to_temporal(
    round_: Round, receiver: Receiver
) -> None:
    """The rows are committed before the call; once they are nobody's own, any feed hands them over."""
    receiver.answers = [Stall()]
    await round_.business.tell()
    dying = round_.another_feed()
    await dying.tick()
    await receiver.wait_for_calls(1)
    async with round_.working():
        await round_.another_feed(own_for=LAPSED).tick()
        await (await activity_of_the_only_delivery(round_)).result()
    assert [("delivered", 1)] == await round_.states()
    await dying.finish()
    assert "delivered" == (await round_.states())[0][0], "a late record does not undo it"


async def test_first_tries_are_made_while_temporal_is_down(round_: Round, receiver: Receiver) -> None:
    """A healthy business is told; one that refused waits for Temporal and gets its activity then."""
    nobody = await Client.connect(f"127.0.0.1:{free_port()}", data_converter=pydantic_data_converter, lazy=True)
    feed = round_.another_feed(client=nobody)
    receiver.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", answer(500)]
    for _ in range(2):
        await round_.business.tell()
        await feed.tick()
        await feed.finish()
    assert ([("delivered", 1), ("pending", 1)], 1) == (await round_.states(), await round_.unhanded())
    await round_.another_feed(own_for=LAPSED).tick()
    waiting = (await round_.business.deliveries())[-1]["id"]
    assert (True, 0) == (await round_.has_activity(waiting), await round_.unhanded())


async def test_a_resend_is_temporals(round_: Round, receiver: Receiver) -> None:
    """It is nobody's own: the next tick hands it over."""
    event_id = await round_.tell()
    (again,) = await resend(round_.business.database, event_id, round_.business.merchant_id)
    await round_.feed.tick()
    assert (True, 1) == (await round_.has_activity(again), len(receiver.calls))


async def test_a_first_try_reads_nothing(round_: Round) -> None:
    """What it sends came with the numbers; the whole tick reads once."""
    before = round_.business.database.reads.copy()
    await round_.business.tell()
    await round_.feed.tick()
    await round_.feed.finish()
    assert {"event.waiting": 1} == dict(round_.business.database.reads - before)
