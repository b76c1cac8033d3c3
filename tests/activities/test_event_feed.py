import asyncio
import json
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from activities.event_feed import EventFeed
from activities.event_handing import Handing, mark_handed
from activities.event_numbering import add_deliveries
from activities.event_resend import resend
from activities.event_targets import Subscription, targets
from activities.webhook_schedule import DeliverySchedule
from devstack.ports import free_port
from devstack.postgres import EmbeddedPostgres
from domain.ids import new_id
from store.database import Database
from tests.activities.business import Business, as_stored
from tests.activities.receiver import Receiver

WRITERS, EVENTS_EACH = 20, 15
READ_WITHIN_S = 60.0
NOBODYS_OWN = DeliverySchedule(own_for=timedelta(0), task_queue="notify-for-nobody")


def feed_of(business: Business, client: Client, schedule: DeliverySchedule | None = None) -> EventFeed:
    own_queue = schedule or DeliverySchedule(task_queue=new_id("notify"))
    return EventFeed(business.database, client, render=as_stored, schedule=own_queue)


async def lazy_client_of_nobody() -> Client:
    return await Client.connect(f"127.0.0.1:{free_port()}", data_converter=pydantic_data_converter, lazy=True)


async def write_slowly(business: Business, chance: random.Random) -> None:
    """Versions of one object, each transaction open for a while after its event was written."""
    object_id = new_id("pay")
    for version in range(1, EVENTS_EACH + 1):
        async with business.database.transaction("test") as session:
            session.add(business.event(object_id, version=version))
            await session.flush()
            await session.execute(text("SELECT pg_sleep(:s)"), {"s": chance.random() * 0.03})


async def read_by_cursor(business: Business, count: int) -> list[int]:
    """Feed numbers as a reader meets them that always goes on after the last one it saw."""
    seen: list[int] = []
    async with asyncio.timeout(READ_WITHIN_S):
        while len(seen) < count:
            after = seen[-1] if seen else 0
            sql = "SELECT feed_no FROM event WHERE feed_no > :after ORDER BY feed_no LIMIT 7"
            seen += [row["feed_no"] for row in await business.rows(sql, after=after)]
    return seen


async def until(stop: asyncio.Event, *feeds: EventFeed) -> None:
    await asyncio.gather(*(feed.run(stop) for feed in feeds))


async def test_a_cursor_reader_misses_nothing_while_twenty_writers_commit_late(
    business: Business, event_client: Client
) -> None:
    """Whoever sees number n + 1 sees n, each object's versions come in order, and two feeds harm nothing."""
    stop, chance = asyncio.Event(), random.Random(7)  # noqa: S311 - a test's own dice
    total = WRITERS * EVENTS_EACH
    feeds = asyncio.create_task(until(stop, feed_of(business, event_client), feed_of(business, event_client)))
    async with asyncio.timeout(60):
        reader = asyncio.create_task(read_by_cursor(business, total))
        await asyncio.gather(*(write_slowly(business, chance) for _ in range(WRITERS)))
        seen = await reader
    stop.set()
    await feeds
    assert list(range(1, total + 1)) == seen
    rows = await business.rows("SELECT object_id, object_version FROM event ORDER BY feed_no")
    versions: dict[str, list[int]] = {}
    for row in rows:
        versions.setdefault(row["object_id"], []).append(row["object_version"])
    assert [list(range(1, EVENTS_EACH + 1))] * WRITERS == list(versions.values())
    assert total == len(await business.deliveries())


async def test_two_feeds_at_once_make_one_delivery_and_one_activity(business: Business, event_client: Client) -> None:
    """Numbering is behind a lock, handing over is idempotent by the delivery's id."""
    schedule = DeliverySchedule(task_queue=new_id("notify"))
    events = [await business.tell() for _ in range(30)]
    feeds = [feed_of(business, event_client, schedule) for _ in range(4)]
    while any(await asyncio.gather(*(feed.tick() for feed in feeds))):
        pass
    deliveries = await business.deliveries()
    assert sorted(events) == sorted(delivery["event_id"] for delivery in deliveries)
    for delivery in deliveries:
        description = await event_client.get_activity_handle(delivery["id"]).describe()
        assert schedule.task_queue == description.task_queue
    assert [] == await business.rows("SELECT id FROM event WHERE handed_at IS NULL")


async def test_a_feed_that_died_after_its_commit_is_continued_by_the_next(
    business: Business, event_client: Client
) -> None:
    """Between the commit of the numbers and the start of the activities there are only rows, and they are enough."""
    event_id = await business.tell()
    with pytest.raises((RPCError, RuntimeError)):
        await feed_of(business, await lazy_client_of_nobody()).tick()
    (delivery,) = await business.deliveries()
    assert [{"handed_at": None}] == await business.rows("SELECT handed_at FROM event WHERE id = :id", id=event_id)
    assert not await feed_of(business, event_client).tick(), "left to its own feed for a while"
    await feed_of(business, event_client, NOBODYS_OWN).tick()
    assert delivery["id"] == (await event_client.get_activity_handle(delivery["id"]).describe()).activity_id
    assert [] == await business.rows("SELECT id FROM event WHERE handed_at IS NULL")


async def test_a_feed_that_died_before_it_marked_the_event_starts_nothing_twice(
    business: Business, event_client: Client
) -> None:
    """An activity that exists already is what was wanted."""
    await business.tell()
    await feed_of(business, event_client).tick()
    (delivery,) = await business.deliveries()
    before = await event_client.get_activity_handle(delivery["id"]).describe()
    await business.change("UPDATE event SET handed_at = NULL")
    await feed_of(business, event_client, NOBODYS_OWN).tick()
    after = await event_client.get_activity_handle(delivery["id"]).describe()
    assert before.activity_run_id == after.activity_run_id
    assert [] == await business.rows("SELECT id FROM event WHERE handed_at IS NULL")


async def test_a_feed_without_temporal_waits_and_loses_nothing(business: Business) -> None:
    """Events are numbered and readable while Temporal is down; their deliveries wait for it."""
    await business.tell()
    stop = asyncio.Event()
    running = asyncio.create_task(feed_of(business, await lazy_client_of_nobody()).run(stop))
    assert [1] == await read_by_cursor(business, 1)
    assert not running.done()
    stop.set()
    await running
    assert ["pending"] == [delivery["state"] for delivery in await business.deliveries()]
    assert 1 == len(await business.rows("SELECT id FROM event WHERE handed_at IS NULL"))


async def test_a_feed_survives_the_loss_of_its_connections(
    business: Business, event_client: Client, event_postgres: EmbeddedPostgres, event_url: str
) -> None:
    """A database that goes away and comes back costs a wait."""
    stop, own = asyncio.Event(), Database.connect(event_url)
    running = asyncio.create_task(EventFeed(own, event_client, render=as_stored).run(stop))
    await business.tell()
    assert [1] == await read_by_cursor(business, 1)
    await business.database.close()
    event_postgres.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'paysaga_app'")
    await business.tell()
    assert [1, 2] == await read_by_cursor(business, 2)
    stop.set()
    await running
    await own.close()


async def test_events_are_numbered_in_the_order_they_were_written(business: Business, event_client: Client) -> None:
    """Where one follows the other, the feed tells them in that order."""
    events = [await business.tell() for _ in range(5)]
    await feed_of(business, event_client).tick()
    assert events == [row["id"] for row in await business.rows("SELECT id FROM event ORDER BY feed_no")]


async def test_the_body_is_what_the_business_reads(business: Business, event_client: Client) -> None:
    """One text, rendered once, with the object inside."""
    event_id = await business.tell()
    await feed_of(business, event_client).tick()
    (row,) = await business.rows("SELECT body, created_at FROM event")
    body = json.loads(row["body"])
    assert ["id", "type", "created_at", "object_version", "data"] == list(body)
    assert (event_id, "payment.succeeded", 1) == (body["id"], body["type"], body["object_version"])
    assert body["created_at"].endswith("Z")
    assert {"object": {"payment": {"notify_url": None}}} == body["data"]


async def test_an_event_that_cannot_be_rendered_holds_up_only_its_object(
    business: Business, event_client: Client
) -> None:
    """Its number waits, with all later versions of the object; everybody else's go on."""
    broken, whole = new_id("pay"), new_id("pay")
    for event in (business.event(broken, version=1), business.event(broken, version=2), business.event(whole)):
        async with business.database.transaction("test") as session:
            session.add(event)

    def render(event_type: str, snapshot: dict[str, object]) -> dict[str, object]:
        return {"known": snapshot[event_type]}

    await business.change(
        """UPDATE event SET snapshot = '{"payment.succeeded": 1}' WHERE object_id = :id OR object_version = 2""",
        id=whole,
    )
    await EventFeed(business.database, event_client, render=render).tick()
    rows = await business.rows("SELECT object_id FROM event WHERE feed_no IS NOT NULL")
    assert [{"object_id": whole}] == rows


async def test_an_event_that_nobody_wants_is_numbered_and_told_to_nobody(
    business: Business, event_client: Client
) -> None:
    """The feed is complete; deliveries are for those who asked."""
    await business.change("""UPDATE webhook_endpoint SET events = '["refund.*"]'""")
    await business.tell()
    await feed_of(business, event_client).tick()
    assert [] == await business.deliveries()
    assert [{"feed_no": 1}] == await business.rows("SELECT feed_no FROM event WHERE handed_at IS NOT NULL")


async def test_the_payments_own_url_is_told_as_well(
    business: Business, event_client: Client, receiver: Receiver
) -> None:
    """`notify_url` gets the event beside the endpoint, and only once where both are the same."""
    await business.tell(notify_url="http://127.0.0.1:1/own")
    await business.tell(notify_url=receiver.url)
    await feed_of(business, event_client).tick()
    urls = sorted(delivery["url"] for delivery in await business.deliveries())
    assert sorted(["http://127.0.0.1:1/own", receiver.url, receiver.url]) == urls


async def test_a_resend_is_handed_over_by_the_next_tick(business: Business, event_client: Client) -> None:
    """It opens the event again; the first delivery is not started anew."""
    event_id = await business.tell()
    feed = feed_of(business, event_client, NOBODYS_OWN)
    await feed.tick()
    (again,) = await resend(business.database, event_id, business.merchant_id)
    await feed.tick()
    assert again == (await event_client.get_activity_handle(again).describe()).activity_id
    assert [] == await business.rows("SELECT id FROM event WHERE handed_at IS NULL")


async def blocked(business: Business) -> None:
    """Some session of this database waits for a lock of another."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(5):
        while not await business.rows(waiting):
            pass


async def test_a_resend_in_the_middle_of_a_hand_over_is_not_forgotten(business: Business, event_client: Client) -> None:
    """The event that got another delivery while its first was handed over stays open for the next tick."""
    event_id = await business.tell()
    await feed_of(business, event_client).tick()
    (first,) = await business.deliveries()
    handed = [Handing(event_id, "payment.succeeded", "pay", business.merchant_id, first["id"])]

    async def mark() -> None:
        async with business.database.transaction("test") as session:
            await mark_handed(session, handed)

    async with business.database.transaction("test") as session:
        await session.execute(text("UPDATE event SET handed_at = NULL WHERE id = :id"), {"id": event_id})
        marking = asyncio.create_task(mark())
        await blocked(business)
        await add_deliveries(session, [(event_id, business.merchant_id, ("https://shop.example/",))])
    await marking
    assert [{"handed_at": None}] == await business.rows("SELECT handed_at FROM event")


async def test_a_delivery_that_temporal_lost_does_not_stay_pending_for_ever(
    business: Business, event_client: Client
) -> None:
    """Handed over longer ago than Temporal tries: it failed. One that was never handed over still waits."""
    await business.tell()
    await feed_of(business, event_client).tick()
    await business.change("UPDATE delivery SET created_at = now() - interval '5 days'")
    await feed_of(business, event_client).tick()
    assert ["pending"] == [delivery["state"] for delivery in await business.deliveries()]
    await business.change("UPDATE event SET handed_at = now() - interval '5 days'")
    await feed_of(business, event_client).tick()
    assert ["failed"] == [delivery["state"] for delivery in await business.deliveries()]


async def test_an_idle_tick_commits_nothing(event_database: Database, event_client: Client) -> None:
    """Nothing to number and nothing to hand over costs one read."""
    feed = EventFeed(event_database, event_client)
    assert not await feed.tick()
    before = event_database.commits.total()
    assert not await feed.tick()
    assert before == event_database.commits.total()


@given(st.sampled_from(["payment.succeeded", "payment.*", "*"]))
def test_a_pattern_takes_its_type(pattern: str) -> None:
    """Whole, by its kind, or everything."""
    assert Subscription("u", (pattern,)).wants("payment.succeeded")


@given(st.sampled_from(["payment", "payment.close", "late_payment.*", "refund.*", "", "payment.succeeded.x"]))
def test_a_pattern_takes_no_other_type(pattern: str) -> None:
    """A kind is not a part of another kind's name."""
    assert not Subscription("u", (pattern,)).wants("payment.succeeded")
    assert [] == list(targets("payment.succeeded", {}, Subscription("u", (pattern,))))
