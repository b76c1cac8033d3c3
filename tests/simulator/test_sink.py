"""The webhook sink records what comes and answers as told."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook

from tests.simulator.outside import SimulatorProcess

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBzaW5rIGluIHRlc3Rz"


@pytest_asyncio.fixture
async def sink(simulator: SimulatorProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=simulator.sink_url, trust_env=False) as client:
        yield client
        await client.post("/mode", json={"status": 200, "delay_ms": 0})
        await client.post("/secret", json={"secret": None})
        await client.delete("/events")


async def test_a_webhook_is_recorded(sink: httpx.AsyncClient) -> None:
    """With path, headers and the parsed body, newest first; any path will do."""
    await sink.post("/hook", json={"type": "payment.succeeded"}, headers={"webhook-id": "evt_1"})
    await sink.post("/shop/42/hook", content=b"no json", headers={"webhook-id": "evt_2"})
    newest, oldest = (await sink.get("/events")).json()
    assert ("/shop/42/hook", "no json", 200, None) == tuple(
        newest[name] for name in ("path", "body", "status_answered", "verified")
    )
    assert ({"type": "payment.succeeded"}, "evt_1") == (oldest["body"], oldest["headers"]["webhook-id"])
    assert oldest["received_at"].endswith("Z")


async def test_events_are_found_by_their_id(sink: httpx.AsyncClient) -> None:
    """`webhook_id` filters, `limit` counts."""
    for webhook_id in ("evt_1", "evt_2", "evt_2"):
        await sink.post("/hook", json={}, headers={"webhook-id": webhook_id})
    assert 2 == len((await sink.get("/events", params={"webhook_id": "evt_2"})).json())
    assert 1 == len((await sink.get("/events", params={"webhook_id": "evt_2", "limit": 1})).json())


async def test_the_mode_sets_status_and_delay(sink: httpx.AsyncClient) -> None:
    """Each webhook is recorded with the status it was answered with."""
    await sink.post("/mode", json={"status": 503, "delay_ms": 200})
    began = time.monotonic()
    assert 503 == (await sink.post("/hook", json={})).status_code
    assert time.monotonic() - began >= 0.2
    assert [503] == [event["status_answered"] for event in (await sink.get("/events")).json()]


async def test_events_are_forgotten(sink: httpx.AsyncClient) -> None:
    """`DELETE /events` leaves nothing."""
    await sink.post("/hook", json={})
    assert {"deleted": 1} == (await sink.delete("/events")).json()
    assert [] == (await sink.get("/events")).json()


async def test_signatures_are_judged_when_a_secret_is_known(sink: httpx.AsyncClient) -> None:
    """A foreign Standard Webhooks library signs, the sink verifies; one of several signatures is enough."""
    await sink.post("/secret", json={"secret": SECRET})
    now, body = str(int(time.time())), b'{"type":"payment.succeeded"}'
    signature = Webhook(SECRET).sign("evt_1", _moment(now), body.decode())
    stale = str(int(now) - 301)
    cases = [
        (now, signature),
        (now, f"v1,AAAA {signature}"),
        (now, "v1,AAAA"),
        (stale, Webhook(SECRET).sign("evt_1", _moment(stale), body.decode())),
        ("", ""),
    ]
    for timestamp, offered in cases:
        headers = {"webhook-id": "evt_1", "webhook-timestamp": timestamp, "webhook-signature": offered}
        await sink.post("/hook", content=body, headers=headers)
    events = (await sink.get("/events")).json()
    assert [True, True, False, False, False] == [event["verified"] for event in reversed(events)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/mode", {"status": 99}),
        ("/mode", {"status": 600}),
        ("/mode", {"delay_ms": -1}),
        ("/secret", {"secret": "plain"}),
        ("/secret", {"secret": "whsec_!"}),
    ],
)
async def test_bad_sink_input_is_refused(sink: httpx.AsyncClient, path: str, body: dict[str, object]) -> None:
    """400 with a code."""
    answer = await sink.post(path, json=body)
    assert (400, "PARAM_ERROR") == (answer.status_code, answer.json()["code"])


async def test_the_sink_has_a_page(sink: httpx.AsyncClient) -> None:
    """Self-contained."""
    page = (await sink.get("/")).text
    assert "Webhook sink" in page
    assert "http" not in page


def _moment(timestamp: str) -> datetime:
    return datetime.fromtimestamp(int(timestamp), UTC)
