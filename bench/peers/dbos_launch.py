"""The engine in one process: which queues it takes from, and under which name it is recovered."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from dbos import DBOS

from activities.webhook_schedule import DeliverySchedule
from bench.peers import dbos_payment, dbos_webhooks
from bench.peers.dbos_names import APPLICATION, DELIVERIES, PAYMENTS, POLL_EVERY_S, system_database_url
from bench.peers.dbos_steps import Steps
from settings import Settings


@dataclass(frozen=True)
class Launched:
    """What was registered: the payment's workflow, and when webhooks are tried again."""

    payment: Callable[[str], Awaitable[str]]
    schedule: DeliverySchedule


async def launch(settings: Settings, steps: Steps, executor: str, queues: Sequence[str]) -> Launched:
    """The engine runs here and polls these queues. What a process of this name left unfinished goes on."""
    DBOS(
        config={
            "name": APPLICATION,
            "system_database_url": system_database_url(settings.require_database_url()),
            "sys_db_pool_size": settings.database_pool_size,
            "executor_id": executor,
            "log_level": "WARNING",
        }
    )
    launched = Launched(payment=dbos_payment.register(steps), schedule=dbos_webhooks.register(steps))
    DBOS.listen_queues(queues)
    DBOS.launch()
    for queue in (PAYMENTS, DELIVERIES):
        await DBOS.register_queue_async(queue, polling_interval_sec=POLL_EVERY_S)
    return launched
