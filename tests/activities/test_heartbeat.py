"""The heartbeat beside a call to the outside."""

import asyncio

from activities.heartbeat import heartbeats


async def test_nothing_beats_outside_an_activity() -> None:
    """Whoever makes the same call without the engine is not disturbed by a beat that nobody could hear."""
    before = asyncio.all_tasks()
    async with heartbeats():
        assert before == asyncio.all_tasks()
