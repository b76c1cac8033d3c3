"""`python -m bench.peers.dbos_worker`: runs the peer's workflows from its queues, and the loops beside them."""

import asyncio
import signal

import structlog
import uvloop
from dbos import DBOS

from activities.folding import Folding
from activities.webhook_schedule import DeliverySchedule
from api.logs import configure_logs
from bench.peers import dbos_payment, dbos_webhooks
from bench.peers.dbos_names import APPLICATION, DELIVERIES, EXECUTOR, PAYMENTS, POLL_EVERY_S, system_database_url
from bench.peers.dbos_steps import Steps
from bench.peers.dbos_webhooks import Feed
from settings import Settings
from store.revision import wait_for_schema

GRACE_S = 5

_log = structlog.get_logger("peer")


async def serve(settings: Settings) -> None:
    """Queues are served until SIGTERM or SIGINT. What an earlier process of this name left unfinished goes on."""
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    steps = Steps(settings)
    await wait_for_schema(steps.database)
    schedule = await launch(settings, steps)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Feed(steps, schedule).run(stop))
        tasks.create_task(Folding(steps.database).run(stop))
        if settings.ready_file is not None:
            settings.ready_file.touch()
        _log.info("worker_ready")
        await stop.wait()
    await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=GRACE_S)
    await steps.close()


async def launch(settings: Settings, steps: Steps) -> DeliverySchedule:
    """The engine runs in this process and polls its queues."""
    DBOS(
        config={
            "name": APPLICATION,
            "system_database_url": system_database_url(settings.require_database_url()),
            "sys_db_pool_size": settings.database_pool_size,
            "executor_id": EXECUTOR,
            "log_level": "WARNING",
        }
    )
    dbos_payment.register(steps)
    schedule = dbos_webhooks.register(steps)
    DBOS.launch()
    for queue in (PAYMENTS, DELIVERIES):
        await DBOS.register_queue_async(queue, polling_interval_sec=POLL_EVERY_S)
    return schedule


def main() -> None:
    """Serves with the settings of the environment."""
    settings = Settings()
    configure_logs(settings.log_level)
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
