"""What the tests of the chaos harness share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaos.clocks import Clocks
from store.database import Database
from tests.support.servers import Addresses


@pytest.fixture
def clocks(tmp_path: Path) -> Clocks:
    """The clock of a process named `worker`, still right."""
    built = Clocks(tmp_path, ["worker"])
    built.build()
    if not built.movable:
        pytest.skip("no C compiler")
    return built


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    connected = Database.connect(addresses.database_url, pool_size=2)
    yield connected
    await connected.close()
