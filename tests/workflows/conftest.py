"""Shops of other kinds; and whatever a test here ran must replay."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.support.centre import Centre
from tests.support.histories import keep_others, replays
from tests.support.shop import Shop


@pytest.fixture(autouse=True)
async def every_history_replays(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """After the test each payment of its shop, and each refund of theirs, is replayed from its history."""
    since = datetime.now(UTC)
    yield
    used = list(request.node.funcargs.values())
    path = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-")
    known: list[str] = []
    for shop in (value for value in used if isinstance(value, Shop)):
        started = await shop.workflow_ids()
        for number, workflow_id in enumerate(started):
            suffix = "" if len(started) == 1 else f"-{number + 1}"
            await replays(shop.centre.temporal, workflow_id, f"{path}{suffix}")
        known += started
    for centre in (value for value in used if isinstance(value, Centre)):
        await keep_others(centre.temporal, path, since=since, known=known)


@pytest.fixture
async def centre_shop_of_merchant(centre: Centre) -> Shop:
    """The channel's money reaches the merchant itself."""
    return await Shop.open(centre, funds_holder="merchant")


@pytest.fixture
async def serial_shop(centre: Centre) -> Shop:
    """The channel takes an order's next refund only once the last has ended."""
    return await Shop.open(centre, contract={"refunds_one_at_a_time": True})


@pytest.fixture
async def careless_shop(centre: Centre) -> Shop:
    """The channel never proves a close, and the merchant accepts that the loser of a switch is refunded."""
    return await Shop.open(centre, close_proof="none", switch_unproven=True)


@pytest.fixture
async def shop_without_proof(centre: Centre) -> Shop:
    """The channel never proves a close, and the merchant did not accept that."""
    return await Shop.open(centre, close_proof="none")
