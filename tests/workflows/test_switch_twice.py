"""Two requests want to replace the same attempt: each has what it asked for, or is refused (law 10)."""

import asyncio
from dataclasses import replace

import pytest
from temporalio.client import Client

from api.bodies import SwitchBody
from api.payment_changes import switch_payment
from api.services import Services
from api.temporal import TemporalConnection
from domain.errors import SwitchUnsafe
from domain.states import Invoke
from store.reading import PaymentName
from tests.support.centre import make_services
from tests.support.shop import Shop

FIRST = {"channel": "sim", "invoke": "page"}


class Slower(TemporalConnection):
    """A request that has read the payment, and waits with its switch until the test lets it."""

    def __init__(self, client: Client) -> None:
        super().__init__("", "")
        self._client = client
        self.waits, self.goes_on = asyncio.Event(), asyncio.Event()

    async def client(self) -> Client:
        """The test's own, when the test says so."""
        self.waits.set()
        await self.goes_on.wait()
        return await super().client()


@pytest.fixture
def slower(shop: Shop) -> Slower:
    return Slower(shop.centre.temporal)


@pytest.fixture
def services(shop: Shop, slower: Slower) -> Services:
    """Those of a process beside the API."""
    return replace(make_services(shop.centre.settings), database=shop.centre.database, temporal=slower)


async def overtaken(shop: Shop, slower: Slower, services: Services, invoke: Invoke) -> list[str]:
    """The ways to pay that the payment shows to the later request, after the first has switched to a page."""
    started = await shop.pay()
    named = PaymentName(started["id"], shop.merchant_id)
    later = asyncio.create_task(
        switch_payment(services, named, body=SwitchBody(channel="sim", invoke=invoke), key=None)
    )
    await slower.waits.wait()
    await shop.post(f"/v1/payments/{started['id']}/switch", FIRST)
    slower.goes_on.set()
    shown = await later
    return [shown.invoke or "", *(attempt.state for attempt in shown.attempts)]


async def test_the_later_one_that_wants_another_way_is_refused(shop: Shop, slower: Slower, services: Services) -> None:
    """It is not told that it has what the faster one wanted."""
    with pytest.raises(SwitchUnsafe):
        await overtaken(shop, slower, services, Invoke.QR)


async def test_the_later_one_that_wants_the_same_has_it(shop: Shop, slower: Slower, services: Services) -> None:
    """One attempt is begun for both."""
    assert ["page", "closed", "waiting"] == await overtaken(shop, slower, services, Invoke.PAGE)


async def test_a_key_that_was_used_for_another_way_is_refused(shop: Shop) -> None:
    """It is not answered with what the first call asked for; the first call itself is, again and again."""
    started = await shop.pay()
    path, key = f"/v1/payments/{started['id']}/switch", {"Idempotency-Key": "one-key"}
    for _ in range(2):
        assert "page" == (await shop.post(path, FIRST, **key))["invoke"]
    refused = await shop.call("POST", path, FIRST | {"invoke": "qr"}, **key)
    assert (422, "idempotency_key_reused") == (refused.status_code, refused.json()["code"])
    assert 2 == len((await shop.payment(started["id"]))["attempts"])
