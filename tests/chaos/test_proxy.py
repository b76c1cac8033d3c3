"""A wire passes everything while it is open, and loses, stops or delays exactly what it is told to."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chaos.links import Way
from chaos.proxy import Wire
from tests.chaos.echo import Client, Echo
from tests.support.servers import free_port

LONG = b"x" * 3_000_000  # more than the kernel's buffers hold


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async with Echo.running() as running:
        yield running


async def test_an_open_wire_passes_all_bytes_in_order(echo: Echo) -> None:
    """Also more than both sides buffer, in both directions at once."""
    client = await echo.client()
    saying = asyncio.create_task(client.says(LONG + b"end"))
    assert LONG + b"end" == await client.hears(len(LONG) + 3)
    await saying
    assert (len(LONG) + 3, len(LONG) + 3) == (echo.wire.counts[Way.REQUESTS], echo.wire.counts[Way.ANSWERS])
    await client.ends()


async def test_a_client_that_leaves_is_forgotten(echo: Echo) -> None:
    """A long run leaves no connection behind."""
    client = await echo.client()
    await client.says(b"a")
    assert b"a" == await client.hears(1)
    await client.ends()
    async with asyncio.timeout(10):
        while echo.wire.connections:
            await asyncio.sleep(0)


async def test_a_cut_breaks_what_stands_and_what_comes(echo: Echo) -> None:
    """Both see a reset, and after healing a new connection works."""
    client = await echo.client()
    await client.says(b"a")
    await client.hears(1)
    echo.wire.cut()
    with pytest.raises(ConnectionResetError):
        await client.hears(1)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await (await echo.client()).hears(1)
    echo.wire.open()
    assert b"b" == await answered(echo, b"b")
    assert (1, b"ab") == (echo.wire.counts["refused"], bytes(echo.heard))


async def test_severing_breaks_what_stands_alone(echo: Echo) -> None:
    """Whoever connects again goes on."""
    client = await echo.client()
    await client.says(b"a")
    await client.hears(1)
    echo.wire.sever()
    with pytest.raises(ConnectionResetError):
        await client.hears(1)
    assert b"b" == await answered(echo, b"b")


async def test_nothing_is_lost_in_a_stall(echo: Echo) -> None:
    """The server hears nothing, nobody is told, and after healing everything arrives."""
    client = await echo.client()
    await client.says(b"a")
    await client.hears(1)
    echo.wire.stall()
    await client.says(b"bc")
    other = await echo.client()
    await other.says(b"d")
    async with Echo.running() as elsewhere:  # a whole conversation beside it: time enough for a byte to slip through
        assert b"z" == await answered(elsewhere, b"z")
    assert (b"a", True) == (bytes(echo.heard), not client.writer.is_closing())
    echo.wire.open()
    assert (b"bc", b"d") == (await client.hears(2), await other.hears(1))


@pytest.mark.parametrize(("stopped", "heard"), [(Way.ANSWERS, b"ab"), (Way.REQUESTS, b"a")])
async def test_one_direction_alone_can_stop(echo: Echo, stopped: Way, heard: bytes) -> None:
    """A request is carried out and its answer does not come, or it never arrives."""
    client = await echo.client()
    await client.says(b"a")
    await client.hears(1)
    echo.wire.half_open(stopped)
    await client.says(b"b")
    await echo.until_heard(len(heard))
    assert (heard, 1) == (bytes(echo.heard), echo.wire.counts[Way.ANSWERS])
    echo.wire.open()
    assert b"b" == await client.hears(1)


async def test_a_slow_wire_keeps_the_order(echo: Echo) -> None:
    """Pieces sent while it was slow come before those sent after healing."""
    client = await echo.client()
    echo.wire.delay(50)
    for piece in (b"a", b"b"):
        await client.says(piece)
    assert b"ab" == await client.hears(2)
    await client.says(b"c")
    await echo.until_heard(2)
    echo.wire.open()
    await client.says(b"d")
    assert b"cd" == await client.hears(2)


async def test_a_target_that_is_gone_is_a_broken_connection() -> None:
    """And the wire serves again when the target is back."""
    async with Wire("nowhere", target=("127.0.0.1", free_port())) as wire:
        client = Client(*await asyncio.open_connection("127.0.0.1", wire.port))
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.hears(1)
        assert 1 == wire.counts["unreachable"]


async def answered(echo: Echo, text: bytes) -> bytes:
    """What a new client hears."""
    client = await echo.client()
    await client.says(text)
    heard = await client.hears(len(text))
    await client.ends()
    return heard
