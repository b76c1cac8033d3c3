"""`python -m bench.peers.dbos_worker`: runs the peer's workflows from its queues, and the loops beside them.

With `--inline` payments run in the API, and here only what was not told at the first try.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence

import structlog
import uvloop
from dbos import DBOS

from activities.folding import Folding
from api.logs import configure_logs
from bench.peers.dbos_launch import launch
from bench.peers.dbos_names import DELIVERIES, INLINE, PAYMENTS, WORKER
from bench.peers.dbos_steps import Steps
from bench.peers.dbos_webhooks import Feed
from settings import Settings
from store.revision import wait_for_schema

GRACE_S = 5

_log = structlog.get_logger("peer")


async def serve(settings: Settings, queues: Sequence[str]) -> None:
    """Queues are served until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    steps = Steps(settings)
    await wait_for_schema(steps.database)
    launched = await launch(settings, steps, WORKER, queues)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Feed(steps, launched.schedule).run(stop))
        tasks.create_task(Folding(steps.database).run(stop))
        if settings.ready_file is not None:
            settings.ready_file.touch()
        _log.info("worker_ready", queues=list(queues))
        await stop.wait()
    await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=GRACE_S)
    await steps.close()


def main() -> None:
    """Serves with the settings of the environment."""
    settings = Settings()
    configure_logs(settings.log_level)
    uvloop.run(serve(settings, [DELIVERIES] if INLINE in sys.argv else [PAYMENTS, DELIVERIES]))


if __name__ == "__main__":
    main()
