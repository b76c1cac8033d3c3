import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from temporalio.api.workflowservice.v1 import DescribeActivityExecutionRequest
from temporalio.client import ActivityFailureError, ActivityHandle, Client
from temporalio.worker import Worker

from activities.event_feed import EventFeed
from activities.event_resend import resend
from activities.webhook import WebhookDelivery
from activities.webhook_call import CallLimits
from activities.webhook_guard import WebhookGuard
from activities.webhook_schedule import DeliverySchedule
from activities.webhook_signing import new_webhook_secret, seal_webhook_secret
from domain.errors import NotFound
from domain.ids import new_id
from tests.activities.business import Business, as_stored
from tests.activities.receiver import Receiver, Stall, answer

FAST = DeliverySchedule(
    first_wait=timedelta(milliseconds=20),
    longest_wait=timedelta(milliseconds=50),
    horizon=timedelta(minutes=5),
)


class Post:
    """A feed and a worker that delivers what it hands over."""

    def __init__(self, business: Business, client: Client, schedule: DeliverySchedule) -> None:
        self.business = business
        self.client = client
        self.schedule = replace(schedule, task_queue=new_id("notify"))
        self.feed = EventFeed(business.database, client, render=as_stored, schedule=self.schedule)

    @asynccontextmanager
    async def working(self, *, allow_loopback: bool = True) -> AsyncIterator[None]:
        """The worker polls."""
        guard = WebhookGuard(allow_loopback=allow_loopback, limits=CallLimits(total_s=0.5))
        delivery = WebhookDelivery(self.business.database, self.business.box, guard, self.schedule)
        async with Worker(self.client, task_queue=self.schedule.task_queue, activities=[delivery.deliver]):
            yield

    async def hand_over(self, **told: str) -> ActivityHandle[Any]:
        """An event was told and handed over; its delivery's activity."""
        await self.business.tell(**told)
        await self.feed.tick()
        return self.client.get_activity_handle((await self.business.deliveries())[-1]["id"])

    async def attempts(self) -> list[dict[str, Any]]:
        """The delivery log."""
        return await self.business.rows("SELECT * FROM delivery_attempt ORDER BY delivery_id, number")

    async def state(self) -> str:
        """How the newest delivery stands."""
        state: str = (await self.business.deliveries())[-1]["state"]
        return state


@pytest.fixture
def post(business: Business, event_client: Client) -> Post:
    return Post(business, event_client, FAST)


async def test_a_committed_event_arrives_signed(post: Post, receiver: Receiver) -> None:
    """The business verifies it with its secret and the standard's own library; the log keeps the answer."""
    async with post.working():
        await (await post.hand_over()).result()
    (call,) = receiver.calls
    (event,) = await post.business.rows("SELECT id, body FROM event")
    assert json.loads(event["body"]) == Webhook(post.business.secret).verify(call.body, call.headers)
    assert (event["id"], "application/json") == (call.headers["webhook-id"], call.headers["content-type"])
    with pytest.raises(WebhookVerificationError):
        Webhook(new_webhook_secret()).verify(call.body, call.headers)
    (attempt,) = await post.attempts()
    assert (1, 200, None, "ok") == tuple(attempt[name] for name in ("number", "status", "error", "answer"))
    (delivery,) = await post.business.deliveries()
    assert ("delivered", 1) == (delivery["state"], delivery["attempts"])
    assert delivery["delivered_at"] is not None


async def test_a_delivery_is_tried_again_until_the_business_takes_it(post: Post, receiver: Receiver) -> None:
    """An error, a redirect, silence and a broken answer are all tried again, with the same id and body."""
    receiver.answers = [answer(500, b"no\x00"), answer(302, b"", f"Location: {receiver.url}"), Stall(), b"?\r\n\r\n"]
    async with post.working():
        await (await post.hand_over()).result()
    log = [(attempt["number"], attempt["status"], attempt["error"]) for attempt in await post.attempts()]
    assert [(1, 500, None), (2, 302, None), (3, None, "timeout"), (4, None, "transport"), (5, 200, None)] == log
    assert 1 == len({(call.headers["webhook-id"], call.body) for call in receiver.calls})
    assert ("delivered", 5) == (await post.state(), (await post.business.deliveries())[0]["attempts"])


async def test_a_delivery_outlives_its_worker(post: Post, receiver: Receiver) -> None:
    """Temporal keeps what is due; the next worker goes on."""
    receiver.answers = [answer(503)]
    handle = await post.hand_over()
    async with post.working():
        await receiver.wait_for_calls(1)
    async with post.working():
        await handle.result()
    assert "delivered" == await post.state()


async def test_gone_ends_a_delivery_for_good(post: Post, receiver: Receiver) -> None:
    """410 says that nobody listens there any more."""
    receiver.answers = [answer(410)]
    async with post.working():
        with pytest.raises(ActivityFailureError):
            await (await post.hand_over()).result()
    assert ("failed", 1) == (await post.state(), len(receiver.calls))


async def test_a_delivery_fails_when_its_next_try_would_be_past_the_horizon(
    business: Business, event_client: Client, receiver: Receiver
) -> None:
    """The row says that it failed before Temporal gives up, so nothing is pending that nobody tries."""
    post = Post(business, event_client, replace(FAST, horizon=timedelta(milliseconds=200)))
    receiver.answers = [answer(500)] * 50
    async with post.working():
        with pytest.raises(ActivityFailureError):
            await (await post.hand_over()).result()
    assert "failed" == await post.state()
    assert 2 <= len(receiver.calls) < 20


async def test_a_private_url_is_never_called(post: Post, receiver: Receiver) -> None:
    """Without the development setting the receiver on loopback hears nothing; the log says why."""
    schedule = replace(FAST, horizon=timedelta(0))
    strict = Post(post.business, post.client, schedule)
    async with strict.working(allow_loopback=False):
        with pytest.raises(ActivityFailureError):
            await (await strict.hand_over()).result()
    (attempt,) = await strict.attempts()
    assert ([], "webhook_url_refused") == (receiver.calls, attempt["error"])


async def test_during_a_rotation_either_secret_verifies(post: Post, receiver: Receiver) -> None:
    """The new secret and the previous one both sign until the previous one ends."""
    rotated = new_webhook_secret()
    rotate = """UPDATE webhook_endpoint SET previous_secret = secret, secret = :sealed,
                previous_until = now() + interval '1 hour'"""
    await post.business.change(rotate, sealed=seal_webhook_secret(post.business.box, rotated))
    async with post.working():
        await (await post.hand_over()).result()
        await post.business.change("UPDATE webhook_endpoint SET previous_until = now()")
        await (await post.hand_over()).result()
    during, after = receiver.calls
    assert Webhook(rotated).verify(during.body, during.headers)
    assert Webhook(post.business.secret).verify(during.body, during.headers)
    assert Webhook(rotated).verify(after.body, after.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(post.business.secret).verify(after.body, after.headers)


async def test_nothing_is_sent_that_the_business_cannot_verify(post: Post, receiver: Receiver) -> None:
    """A `notify_url` without a registered webhook waits for its secret, and is sent once there is one."""
    await post.business.change("DELETE FROM webhook_endpoint")
    async with post.working():
        handle = await post.hand_over(notify_url=receiver.url)
        while not await post.attempts():
            pass
        assert [] == receiver.calls
        await post.business.listen("http://127.0.0.1:1/elsewhere")
        await handle.result()
    assert Webhook(post.business.secret).verify(receiver.calls[0].body, receiver.calls[0].headers)
    assert "no_secret" == (await post.attempts())[0]["error"]


async def test_a_resend_is_a_delivery_of_its_own(post: Post, receiver: Receiver) -> None:
    """The same event id and body once more, to the endpoint as it is now, whatever became of the first delivery."""
    async with post.working():
        await (await post.hand_over()).result()
        (event,) = await post.business.rows("SELECT id FROM event")
        (again,) = await resend(post.business.database, event["id"], post.business.merchant_id)
        await post.feed.tick()
        await post.client.get_activity_handle(again).result()
    first, second = receiver.calls
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert ["delivered", "delivered"] == [delivery["state"] for delivery in await post.business.deliveries()]


async def test_another_merchants_event_is_not_resent(post: Post) -> None:
    """It is not found, like an event that does not exist."""
    event_id = await post.business.tell()
    await post.feed.tick()
    with pytest.raises(NotFound):
        await resend(post.business.database, event_id, new_id("mer"))
    assert 1 == len(await post.business.deliveries())


async def test_an_ended_delivery_is_not_sent_again_by_a_late_run(post: Post, receiver: Receiver) -> None:
    """A second activity for a delivered row reads the row and leaves."""
    async with post.working():
        delivered = await post.hand_over()
        await delivered.result()
        late = await post.client.start_activity(
            "webhook.deliver",
            {"delivery_id": delivered.id},
            id=new_id("late"),
            task_queue=post.schedule.task_queue,
            start_to_close_timeout=timedelta(seconds=5),
        )
        assert {"delivery_id": delivered.id, "state": "delivered"} == await late.result()
    assert 1 == len(receiver.calls)


async def test_temporal_keeps_no_url_no_secret_and_no_answer(post: Post, receiver: Receiver) -> None:
    """What the engine holds of a delivery is its id, its type and a status."""
    await post.business.change("UPDATE webhook_endpoint SET url = url || '?token=planted'")
    receiver.answers = [answer(410, b"planted answer")]
    async with post.working():
        handle = await post.hand_over()
        with pytest.raises(ActivityFailureError):
            await handle.result()
    asked = DescribeActivityExecutionRequest(
        namespace=post.client.namespace, activity_id=handle.id, include_input=True, include_outcome=True
    )
    kept = str(await post.client.workflow_service.describe_activity_execution(asked))
    assert handle.id in kept
    assert "webhook_refused" in kept
    assert "planted" not in kept
    assert post.business.secret not in kept


@pytest.mark.parametrize(("attempt", "expected_s"), [(1, 5), (2, 15), (3, 45), (8, 10_935), (9, 21_600), (500, 21_600)])
def test_the_waits_are_those_that_temporal_keeps(attempt: int, expected_s: int) -> None:
    """The activity computes the next wait as the retry policy does, also after hundreds of tries."""
    assert timedelta(seconds=expected_s) == DeliverySchedule().wait_after(attempt)
