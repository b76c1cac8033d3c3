"""One PostgreSQL, one Temporal and one simulator for the whole session, also when tests run in several processes."""

from collections.abc import AsyncIterator

import pytest

from tests.support.centre import Centre
from tests.support.servers import Addresses, Servers
from tests.support.shop import Shop

_started: list[Servers] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--load-seconds`: how long the tests keep up a load; `make prove` takes longer."""
    parser.addoption("--load-seconds", type=float, default=5, help="how long a load lasts")


def pytest_configure(config: pytest.Config) -> None:
    """The first process starts the servers before it starts others; those find them in the environment."""
    if config.option.collectonly or Addresses.found() is not None:
        return
    servers = Servers()
    _started.append(servers)
    servers.start().publish()


def pytest_unconfigure() -> None:
    """The process that started the servers stops them."""
    for servers in _started:
        servers.stop()


@pytest.fixture(scope="session")
def addresses() -> Addresses:
    found = Addresses.found()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def load_seconds(pytestconfig: pytest.Config) -> float:
    """How long a load lasts."""
    return float(pytestconfig.getoption("--load-seconds"))


@pytest.fixture(scope="session")
async def centre(addresses: Addresses) -> AsyncIterator[Centre]:
    """The API over HTTP and a worker, in this process and in a Temporal namespace of its own."""
    async with Centre.running(addresses) as running:
        yield running


@pytest.fixture
async def shop(centre: Centre) -> Shop:
    """A merchant with a key, an account at the simulated channel, a product in stock and a payer's wallet."""
    return await Shop.open(centre)
