"""One simulator process for the session; each test is a merchant of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.simulator.outside import Merchant, Receiver, SimulatorProcess


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    process = SimulatorProcess(tmp_path_factory.mktemp("simulator"))
    process.start()
    yield process
    process.terminate()


@pytest.fixture
def own_simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    process = SimulatorProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await receiver.open()
    yield receiver
    server.close()


@pytest_asyncio.fixture
async def merchant(simulator: SimulatorProcess, receiver: Receiver) -> Merchant:
    merchant = Merchant(simulator, receiver.url)
    await merchant.register()
    return merchant
