"""Which channels a deployment knows."""

import httpx
import pytest

import worker
from channels.errors import Unsupported
from channels.http import CONNECTIONS_MAX
from channels.registry import Channels

CHANNELS_OF_A_PROCESS, QUEUES_OF_A_CHANNEL = 10, 2


async def test_the_simulator_is_known_by_every_name_that_was_given() -> None:
    """Two names are two channels, so that one can be slow while the other is not; no name is no such channel."""
    async with httpx.AsyncClient() as client:
        channels = Channels(client, sims=("sim", "sim2"))
        assert ["sim", "sim2"] == [channels.channel(name).name for name in ("sim", "sim2")]
        assert frozenset() == Channels(client, sims=()).names


async def test_a_channel_that_is_not_there_is_refused_with_those_that_are() -> None:
    """A typing error in a contract is told, with the names to choose from."""
    async with httpx.AsyncClient() as client:
        with pytest.raises(Unsupported, match=r"there are sim$"):
            Channels(client).channel("sim2")


def test_a_slow_channel_cannot_take_the_connections_of_another() -> None:
    """All share one client, so it has a connection for each slot of ten channels and their payouts."""
    assert CHANNELS_OF_A_PROCESS * QUEUES_OF_A_CHANNEL * worker.ACTIVITIES <= CONNECTIONS_MAX
