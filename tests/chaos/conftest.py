"""What the tests of the chaos harness share."""

from collections.abc import AsyncIterator

import pytest

from store.database import Database
from tests.support.servers import Addresses


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    connected = Database.connect(addresses.database_url, pool_size=2)
    yield connected
    await connected.close()
