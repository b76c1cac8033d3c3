"""`python -m bench.empty_load ADDRESS SECONDS RESULT`: empty workflows, one after another, many at once."""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import uvloop
from pydantic import BaseModel
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.empty_worker import NAME, QUEUE

IN_FLIGHT = 32
TASK_TIMEOUT = timedelta(seconds=3)


class EmptyResult(BaseModel):
    """How many ended, from when to when by the machine's clock, and what the client itself cost."""

    ended: int
    began_at: float
    ended_at: float
    cpu_ms: float


async def _run(address: str, seconds: float) -> EmptyResult:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    began_at, cpu_s, numbers = time.time(), time.process_time(), itertools.count(1)
    lanes = (_one_after_another(client, numbers, began_at + seconds) for _ in range(IN_FLIGHT))
    ended = sum(await asyncio.gather(*lanes))
    cpu_ms = (time.process_time() - cpu_s) * 1_000
    return EmptyResult(ended=ended, began_at=began_at, ended_at=time.time(), cpu_ms=cpu_ms)


async def _one_after_another(client: Client, numbers: Iterator[int], until: float) -> int:
    ended = 0
    while time.time() < until:
        await client.execute_workflow(NAME, id=f"empty-{next(numbers)}", task_queue=QUEUE, task_timeout=TASK_TIMEOUT)
        ended += 1
    return ended


def main() -> None:
    """The result is written when the load has ended."""
    address, seconds, result = sys.argv[1:4]
    made = uvloop.run(_run(address, float(seconds)))
    Path(result).write_text(made.model_dump_json())


if __name__ == "__main__":
    main()
