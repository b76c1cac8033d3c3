"""PostgreSQL is killed under a load of refunds, payouts, transfers and top-ups: every answer given is still true."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from devstack.postgres import EmbeddedPostgres
from tests.support.centre import Centre, eventually
from tests.support.mixed_load import HOME_WITHIN, MixedLoad
from tests.support.mixed_truth import everything_is_true
from tests.support.payee import ACCOUNT
from tests.support.servers import Addresses, Servers
from tests.support.shop import Shop

CLIENTS, KILLS, CALLS_BETWEEN = 3, 2, 20


@pytest.fixture
def durable_servers() -> Iterator[tuple[Servers, Addresses]]:
    """Servers that nobody else uses, to be killed; what PostgreSQL acknowledged is on the disk."""
    servers = Servers(durable=True)
    yield servers, servers.start()
    servers.stop()


@pytest.fixture
async def load(durable_servers: tuple[Servers, Addresses]) -> AsyncIterator[MixedLoad]:
    """A merchant of a centre on those servers."""
    async with Centre.running(durable_servers[1]) as centre:
        yield await MixedLoad.prepared(await Shop.open(centre))


async def test_what_was_answered_survives_kills_of_postgresql(
    durable_servers: tuple[Servers, Addresses], load: MixedLoad, load_seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id stays that object's, an end stays its end, a refusal stays without one; the channel did each once."""
    # A refusal that is heard while nobody can keep it stays unknown for long: the load would not drain.
    load.payees = (ACCOUNT,)
    async with asyncio.timeout(load_seconds + HOME_WITHIN.total_seconds()), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(load.run(load_seconds, clients=CLIENTS, settling=False))
        tasks.create_task(kill_repeatedly(durable_servers[0].postgres, load, running))
    await load.drained()
    await load.shop.centre.database.close()  # connections of the test's own, to a server that is dead
    with capsys.disabled():
        print(f"\n{KILLS} kills of PostgreSQL: {load.counts()}")  # noqa: T201 - what `make prove` tells
    assert {"refunds", "payouts", "transfers", "top_ups"} <= {one.kind for one in load.accepted()}
    await everything_is_true(load)


async def kill_repeatedly(postgres: EmbeddedPostgres, load: MixedLoad, running: asyncio.Task[None]) -> None:
    """Each time enough calls have been answered since, or the load is over: `kill -9`, and a new start."""

    async def answered() -> int:
        return len(load.heard)

    for _ in range(KILLS):
        enough = len(load.heard) + CALLS_BETWEEN
        await eventually(answered, lambda count, enough=enough: count >= enough or running.done(), within=HOME_WITHIN)
        await asyncio.to_thread(postgres.kill)
        await asyncio.to_thread(postgres.start)
