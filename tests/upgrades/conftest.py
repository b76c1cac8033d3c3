"""A centre for one test alone: which version of the workers is current holds for a whole namespace."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import worker
from tests.support.centre import Centre, worker_parts
from tests.support.servers import Addresses
from tests.support.shop import Shop
from tests.support.worker_process import Release, WorkerProcess, worker_process
from tests.upgrades.deployment import Deployment
from tests.upgrades.releases import workflows_of


@pytest.fixture
async def quiet_shop(addresses: Addresses) -> AsyncIterator[Shop]:
    """A merchant of a centre that nobody works for yet."""
    async with Centre.running(addresses, with_worker=False) as centre:
        yield await Shop.open(centre)


QUEUES = ("saga", "channel-sim", "payout-sim", "notify")


class Fleet:
    """The workers of one test, and what the operator says of their versions."""

    def __init__(self, shop: Shop, folder: Path, stack: AsyncExitStack) -> None:
        self.deployment = Deployment(shop.centre)
        self._centre = shop.centre
        self._folder = folder
        self._stack = stack

    async def start(self, release: Release) -> AsyncExitStack:
        """A worker of the release polls, in this process, until the stack is closed; its version is the current one."""
        version = {"worker_version": release.version or None}
        settings = self._centre.settings.model_copy(update=version)
        running = await self._stack.enter_async_context(AsyncExitStack())
        parts = await running.enter_async_context(worker_parts(settings))
        for queue in QUEUES:
            serving = worker.make_worker(parts, queue, workflows=workflows_of(release))
            await running.enter_async_context(serving)
        await self._make_current(release)
        return running

    async def start_process(self, release: Release, *, failpoints: str = "") -> WorkerProcess:
        """The same in a process of its own, to be killed."""
        starting = worker_process(self._centre, self._folder, failpoints=failpoints, release=release)
        process = await self._stack.enter_async_context(starting)
        await self._make_current(release)
        return process

    async def _make_current(self, release: Release) -> None:
        if release.version:
            await self.deployment.make_current(release.version)


@pytest.fixture
async def fleet(quiet_shop: Shop, tmp_path: Path) -> AsyncIterator[Fleet]:
    """No worker yet; those that a test starts are gone afterwards."""
    async with AsyncExitStack() as stack:
        yield Fleet(quiet_shop, tmp_path, stack)
