"""A centre without a worker of its own: each test starts and kills them."""

from collections.abc import AsyncIterator

import pytest

from tests.support.centre import Centre
from tests.support.servers import Addresses
from tests.support.shop import Shop


@pytest.fixture(scope="module")
async def workerless(addresses: Addresses) -> AsyncIterator[Centre]:
    """The API serves, nobody works."""
    async with Centre.running(addresses, with_worker=False) as running:
        yield running


@pytest.fixture
async def lone_shop(workerless: Centre) -> Shop:
    """A merchant of the centre without a worker."""
    return await Shop.open(workerless)
