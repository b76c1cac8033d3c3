"""A centre for one test alone: which version of the workers is current holds for a whole namespace."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.centre import Centre
from tests.support.servers import Addresses
from tests.support.shop import Shop
from tests.support.worker_process import Release, WorkerProcess, worker_process
from tests.upgrades.deployment import Deployment


@pytest.fixture
async def quiet_shop(addresses: Addresses) -> AsyncIterator[Shop]:
    """A merchant of a centre that nobody works for yet."""
    async with Centre.running(addresses, with_worker=False) as centre:
        yield await Shop.open(centre)


class Fleet:
    """The worker processes of one test, and what the operator says of their versions."""

    def __init__(self, shop: Shop, folder: Path, stack: AsyncExitStack) -> None:
        self.deployment = Deployment(shop.centre)
        self._centre = shop.centre
        self._folder = folder
        self._stack = stack

    async def start(self, release: Release, *, failpoints: str = "") -> WorkerProcess:
        """A worker of the release polls; where it has a version, that is the current one."""
        starting = worker_process(self._centre, self._folder, failpoints=failpoints, release=release)
        worker = await self._stack.enter_async_context(starting)
        if release.version:
            await self.deployment.make_current(release.version)
        return worker


@pytest.fixture
async def fleet(quiet_shop: Shop, tmp_path: Path) -> AsyncIterator[Fleet]:
    """No worker yet; those that a test starts are gone afterwards."""
    async with AsyncExitStack() as stack:
        yield Fleet(quiet_shop, tmp_path, stack)
