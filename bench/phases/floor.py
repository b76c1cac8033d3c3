"""The floor: what the server and a worker with our options do when a workflow does nothing."""

import asyncio

from bench.bench import Bench
from bench.children import until_ended, until_there
from bench.empty_load import EmptyResult
from bench.empty_worker import NAME
from bench.meter import Meter
from bench.results import Floor


async def floor(bench: Bench) -> Floor:
    """Empty workflows a second, many at once, on a server that has nothing else to do; the list has caught up."""
    engine, stack, seconds = await bench.engine(), bench.stack, bench.sizes.seconds
    ready, result = stack.folder / "empty.ready", stack.folder / "empty.json"
    worker = stack.python("empty-worker", ["-m", "bench.empty_worker", stack.temporal.address, str(ready)])
    worker.start()
    await until_there(worker, ready)
    meter = Meter(lambda: {"Temporal": stack.temporal.child.pid, "worker": worker.pid})
    load = stack.python("empty-load", ["-m", "bench.empty_load", stack.temporal.address, str(seconds), str(result)])
    load.start()
    await until_ended(load)
    found = EmptyResult.model_validate_json(result.read_bytes())
    lag_s = await engine.lag_s(NAME, found.ended, since=found.ended_at)
    spent_ms = {**meter.spent_ms(), "load": found.cpu_ms}
    found_out = Floor(
        workflows=found.ended,
        workflows_per_s=found.ended / (found.ended_at - found.began_at),
        cpu_ms={name: spent / found.ended for name, spent in spent_ms.items()},
        lag_s=lag_s,
        others_share=meter.others_share(),
    )
    await asyncio.to_thread(worker.stop)
    return found_out
