"""Refund against payout against transfer, top-up and settlement on one merchant, over three workers."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.mixed_load import HOME_WITHIN, MixedLoad
from tests.support.mixed_truth import everything_is_true
from tests.support.shop import Shop
from tests.support.worker_process import worker_process

WORKERS, CLIENTS = 3, 3
DEADLOCK = ("40P01", "deadlock")


async def test_everything_at_once_on_one_merchant_stays_true(
    lone_shop: Shop, tmp_path: Path, load_seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it ends, no answer was a lie, nothing is negative, nobody met a deadlock."""
    load = await MixedLoad.prepared(lone_shop)
    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(worker_process(lone_shop.centre, tmp_path, loops="fold,events"))
            for _ in range(WORKERS)
        ]
        async with asyncio.timeout(load_seconds + HOME_WITHIN.total_seconds()):
            await load.run(load_seconds, clients=CLIENTS)
        await load.drained()
        logs = "".join(worker.log() for worker in workers)
    with capsys.disabled():
        print(f"\n{load_seconds:.0f} s on one merchant: {load.counts()}")  # noqa: T201 - what `make prove` tells
    assert {"refunds", "payouts", "transfers", "top_ups"} <= {one.kind for one in load.accepted()}
    assert [] == [word for word in DEADLOCK if word in logs]
    await everything_is_true(load)
