"""Cancel in the Temporal UI is a request to close, never an interruption."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


async def finish_despite_cancel(process: Coroutine[Any, Any, None], on_cancel: Callable[[], None]) -> None:
    """`process` has run to its end; each cancellation on the way only called `on_cancel`."""
    task = asyncio.create_task(process)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            on_cancel()
    task.result()
