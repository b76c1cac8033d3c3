"""How a loop waits between two rounds."""

import asyncio


async def pause(stop: asyncio.Event, wait_s: float) -> None:
    """So many seconds have passed, or `stop` is set."""
    try:
        async with asyncio.timeout(wait_s):
            await stop.wait()
    except TimeoutError:
        return
