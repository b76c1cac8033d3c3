"""A worker whose clock is wrong by more than a day: what it does is dated by the database's all the same."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from chaos.clocks import Clocks
from domain.ids import new_id
from ledger.days import ZONE
from tests.activities.receiver import Receiver, answer, receiving
from tests.support.centre import Centre, eventually
from tests.support.servers import Addresses
from tests.support.shop import Shop, operator
from tests.support.worker_process import Release, worker_process

#: Past every accounting day, and past the horizon of a delivery.
WRONG_BY_S = 4 * 86_400
AMOUNT_MINOR = 700

_DATES = text("SELECT event_at, booked_on FROM posting WHERE biz_id = :object_id")
_DELIVERY = text("SELECT state, attempts FROM delivery WHERE merchant_id = :merchant_id")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as listening:
        yield listening


@pytest.fixture(params=[WRONG_BY_S, -WRONG_BY_S])
async def shop(
    addresses: Addresses, clocks: Clocks, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Shop]:
    """A merchant of a centre whose only worker is days ahead, or behind."""
    clocks.move("worker", request.param)
    folder = tmp_path / "logs"
    folder.mkdir()
    async with (
        Centre.running(addresses, with_worker=False) as centre,
        worker_process(centre, folder, release=Release(variables=clocks.variables("worker"))),
    ):
        yield await Shop.open(centre)


async def rows(shop: Shop, statement: Any, **values: str) -> list[Any]:  # noqa: ANN401 - a text
    """What the tables hold now."""
    async with shop.centre.database.reading() as session:
        return list((await session.execute(statement, values)).all())


def off_by(moment: datetime | str) -> timedelta:
    """How far it is from now."""
    told = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return abs(told - datetime.now(UTC))


async def test_its_postings_stand_on_the_day_on_which_they_were_made(shop: Shop) -> None:
    """A payment by balance alone and a transfer: `paid_at`, `succeeded_at` and the book say now."""
    began_on = datetime.now(UTC).astimezone(ZONE).date()
    paid = await shop.until((await shop.pay(amount_minor=AMOUNT_MINOR, balance_minor=AMOUNT_MINOR))["id"], "succeeded")
    wallet = {"kind": "wallet", "owner": new_id("payer"), "currency": "CNY", "merchant_id": shop.merchant_id}
    transfer = {
        "transfer_no": new_id("transfer"),
        "from_account_id": shop.wallet_id,
        "to_account_id": (await operator(shop.centre, "POST", "/v1/accounts", wallet))["id"],
        "amount_minor": AMOUNT_MINOR,
        "currency": "CNY",
    }
    moved = await shop.post("/v1/transfers", transfer)
    postings = [await rows(shop, _DATES, object_id=one["id"]) for one in (paid, moved)]
    (posted,), (transferred,) = postings
    days = {datetime.now(UTC).astimezone(ZONE).date(), began_on}
    assert {posted.booked_on, transferred.booked_on} <= days
    told = [paid["paid_at"], moved["succeeded_at"], posted.event_at, transferred.event_at]
    assert [] == [one for one in told if off_by(one) > timedelta(minutes=2)]


async def test_it_signs_webhooks_in_time_and_gives_none_up(shop: Shop, receiver: Receiver) -> None:
    """The business takes no signature that is minutes old, and a delivery's horizon is days away."""
    receiver.answers = [answer(503), answer(503)]
    path = f"/v1/merchants/{shop.merchant_id}/webhook"
    webhook = (await shop.call("PUT", path, {"url": receiver.url, "events": ["*"]})).json()
    await shop.pay(amount_minor=AMOUNT_MINOR, balance_minor=AMOUNT_MINOR)
    for call in await receiver.wait_for_calls(2):
        assert Webhook(webhook["secret"]).verify(call.body, call.headers)
    (delivery,) = await eventually(
        lambda: rows(shop, _DELIVERY, merchant_id=shop.merchant_id), lambda found: found and found[0].attempts == 2
    )
    assert "pending" == delivery.state
