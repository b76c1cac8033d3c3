"""One simulator process and one client for the session; each test is a merchant of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from channels.http import make_client
from channels.registry import Channels
from tests.channels.parties import SimParty
from tests.channels.wire_peer import ChannelKey
from tests.simulator.outside import Receiver, SimulatorProcess


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    process = SimulatorProcess(tmp_path_factory.mktemp("simulator"))
    process.start()
    yield process
    process.terminate()


@pytest_asyncio.fixture(scope="session")
async def channels() -> AsyncIterator[Channels]:
    async with make_client() as client:
        yield Channels(client)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await receiver.open()
    yield receiver
    server.close()


@pytest.fixture(params=["sim"])
async def party(request: pytest.FixtureRequest, simulator: SimulatorProcess) -> SimParty:
    """A merchant at each channel in turn."""
    parties = {"sim": SimParty.register}
    return await parties[request.param](simulator)


@pytest.fixture
def channel_key() -> ChannelKey:
    return ChannelKey()
