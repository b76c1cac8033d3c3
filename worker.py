"""The worker process: which task queues it serves, which loops it runs, and everything that they are made of.

python worker.py --queues saga,channel-sim,payout-sim,notify,reconcile --loops fold,events
python worker.py --prepare
"""

import argparse
import asyncio
import gc
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
import uvloop
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import (
    PollerBehaviorSimpleMaximum,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
)

from activities.attempt_steps import AttemptSteps
from activities.channel import ChannelCalls
from activities.event_feed import EventFeed
from activities.flagging import Flagging
from activities.folding import Folding
from activities.funds import Funds
from activities.inventory import Inventory
from activities.local_branches import LocalBranches
from activities.partitioning import Partitioning
from activities.payloads import data_converter
from activities.payment import PaymentSteps
from activities.payout import PayoutSteps
from activities.refund import RefundSteps
from activities.refund_calls import RefundCalls
from activities.sealing import Sealing
from activities.sweep import Sweep
from activities.tracing import Tracing
from activities.transfer import TransferSteps
from activities.verification import Verification
from activities.watch import Watch
from activities.webhook import WebhookDelivery
from activities.webhook_guard import WebhookGuard
from activities.webhook_sending import WebhookSender
from api.logs import configure_logs
from channels.http import make_client
from channels.registry import Channels
from schedules import SAGA_QUEUE, add_attributes, add_schedules
from settings import Settings
from store.channel_accounts import ChannelAccounts
from store.database import Database
from store.failpoint_file import armed_failpoints
from store.revision import wait_for_schema
from store.secrets import SecretBox
from workflows.partitions import PartitionsWorkflow
from workflows.payment import PaymentWorkflow
from workflows.payout import PayoutWorkflow
from workflows.refund import RefundWorkflow
from workflows.seal import SealWorkflow
from workflows.sweeper import SweeperWorkflow
from workflows.top_up import TopUpWorkflow
from workflows.transfer import TransferWorkflow
from workflows.verify import VerifyWorkflow
from workflows.watch import WatchWorkflow

SCHEDULED = (PartitionsWorkflow, SealWorkflow, SweeperWorkflow, VerifyWorkflow, WatchWorkflow)
SAGAS = (PaymentWorkflow, TopUpWorkflow, RefundWorkflow, PayoutWorkflow, TransferWorkflow)
WORKFLOWS: tuple[type[Any], ...] = (*SAGAS, *SCHEDULED)
UNVERSIONED = "unversioned"
#: One queue for each channel, apart from its other calls: a rush of payouts delays no payment.
PAYOUT_QUEUES = "payout-"
GRACE = timedelta(seconds=5)
RECONNECT_EVERY_S = 0.5
STICKY_LIMIT = timedelta(seconds=1)
CACHED_WORKFLOWS = 2_000
WORKFLOW_TASKS, LOCAL_ACTIVITIES, ACTIVITIES = 100, 200, 100
#: A task that finds nobody waiting for it is written to the server's backlog and read again: latency and two writes.
#: Half of the pollers wait for the first tasks of workflows, half for tasks of workflows that this process remembers.
WORKFLOW_POLLERS, FIRST_TASKS = 20, 0.5
ACTIVITY_POLLERS = 10
#: An activation takes about a millisecond: more threads would only hand the interpreter's lock around.
WORKFLOW_THREADS = 8
#: Most of what the collector would look at again and again lives as long as the process.
COLLECT_AFTER = (20_000, 20, 20)

_log = structlog.get_logger("worker")


class WorkerParts:
    """Everything that workers and loops of this process share; made once, closed once."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.settings = settings
        self.client = client
        self.database = Database.connect(
            settings.require_database_url(),
            pool_size=settings.database_pool_size,
            failpoints=armed_failpoints(settings.failpoints, settings.failpoints_file),
        )
        self.box = SecretBox(settings.require_secret_key())
        self.http = make_client()
        self.guard = WebhookGuard(allow_loopback=settings.development)
        self.channels = Channels(self.http, sims=settings.sim_names)
        self.accounts = ChannelAccounts(self.database, self.box)

    async def close(self) -> None:
        """Connections are closed; what was committed is logged, so that transactions can be counted."""
        await self.http.aclose()
        await self.guard.close()
        await self.database.close()
        _log.info("committed", transactions=dict(self.database.commits), reads=dict(self.database.reads))

    def activities(self, queue: str) -> list[Callable[..., Any]]:
        """What this process can run on the queue; ValueError for a queue that does not exist."""
        match queue:
            case "saga":
                return self._saga_activities()
            case "notify":
                return [WebhookDelivery(self.database, self.box, self.guard).deliver]
            case "reconcile":
                sealing, rules = Sealing(self.database), Verification(self.database, self.settings.verify_overlap_s)
                return [sealing.audit, sealing.book, rules.run, Partitioning(self.database).run]
            case _ if queue.startswith("channel-"):
                return self._channel_activities()
            case _ if queue.startswith(PAYOUT_QUEUES):
                return [self._payout().transfer]
            case _:
                raise ValueError(f"there is no task queue {queue!r}")

    def _saga_activities(self) -> list[Callable[..., Any]]:
        branches = LocalBranches(self.database, (Inventory(), Funds()))
        payment = PaymentSteps(self.database, self.accounts, self.channels, branches)
        attempts = AttemptSteps(self.database, self.accounts, self.channels)
        refund, payout = RefundSteps(self.database), self._payout()
        flagging, watch = Flagging(self.database), Watch(self.database)
        return [
            *branches.activities(),
            *(payment.open, payment.refuse, payment.flag, payment.pivot, payment.close, payment.finish),
            *(attempts.forbid, attempts.presume, attempts.callback, attempts.switch),
            *(refund.open, refund.decide, refund.confirm, refund.fail),
            *(payout.open, payout.decide, payout.confirm, payout.fail),
            *(flagging.refund, flagging.payout),
            TransferSteps(self.database).post,
            *(watch.due, watch.applied),
            Sweep(self.database, self.client).compare,
        ]

    def _channel_activities(self) -> list[Callable[..., Any]]:
        calls = ChannelCalls(self.database, self.accounts, self.channels, self.settings.public_url)
        refund = RefundCalls(self.database, self.accounts, self.channels, self.settings.public_url)
        return [calls.pay, calls.query, calls.close, refund.refund, refund.query, self._payout().query]

    def _payout(self) -> PayoutSteps:
        return PayoutSteps(self.database, self.accounts, self.channels, self.settings.public_url)

    def loop(self, name: str) -> EventFeed | Folding:
        """A loop that is not a workflow; two instances at once are harmless. ValueError for an unknown one."""
        match name:
            case "events":
                return EventFeed(self.database, self.client, sender=WebhookSender(self.box, self.guard))
            case "fold":
                return Folding(self.database)
            case _:
                raise ValueError(f"there is no loop {name!r}")


def make_worker(parts: WorkerParts, queue: str, *, workflows: Sequence[type[Any]] = WORKFLOWS) -> Worker:
    """A worker of one task queue; workflows run on `saga` alone, unsandboxed behind the lint of `workflows/`."""
    return Worker(
        parts.client,
        task_queue=queue,
        workflows=workflows if queue == SAGA_QUEUE else (),
        activities=parts.activities(queue),
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=CACHED_WORKFLOWS,
        workflow_task_executor=ThreadPoolExecutor(WORKFLOW_THREADS, "workflow"),
        max_concurrent_workflow_tasks=WORKFLOW_TASKS if queue == SAGA_QUEUE else None,
        max_concurrent_local_activities=LOCAL_ACTIVITIES if queue == SAGA_QUEUE else None,
        max_concurrent_activities=ACTIVITIES,
        max_task_queue_activities_per_second=_throttle(parts.settings, queue),
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(WORKFLOW_POLLERS),
        nonsticky_to_sticky_poll_ratio=FIRST_TASKS,
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(ACTIVITY_POLLERS),
        sticky_queue_schedule_to_start_timeout=STICKY_LIMIT,
        graceful_shutdown_timeout=GRACE,
        deployment_config=_deployment(parts.settings.worker_version),
        # Without a name of its own the SDK would hash the code of every loaded module, for seconds.
        build_id=None if parts.settings.worker_version else UNVERSIONED,
    )


def _throttle(settings: Settings, queue: str) -> int | None:
    """The server hands out no more than so many a second, whatever asks for them."""
    return settings.payouts_per_second if queue.startswith(PAYOUT_QUEUES) else None


def _deployment(version: str | None) -> WorkerDeploymentConfig | None:
    """Worker versioning in production: payments stay with the version that began them."""
    if version is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name="paysaga", build_id=version),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def connect(settings: Settings) -> Client:
    """A client whose workers export their metrics when a port is set."""
    runtime = None
    if settings.worker_metrics_port:
        metrics = PrometheusConfig(bind_address=f"127.0.0.1:{settings.worker_metrics_port}")
        runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    return await Client.connect(
        settings.require_temporal_address(),
        namespace=settings.temporal_namespace,
        data_converter=data_converter,
        interceptors=[Tracing()],
        runtime=runtime,
    )


async def connect_when_up(settings: Settings) -> Client:
    """A client as soon as Temporal answers, so that processes may start in any order."""
    while True:
        try:
            return await connect(settings)
        except RuntimeError as error:  # what a first connection to a dead server raises
            _log.warning("waiting_for_temporal", reason=type(error).__name__)
        await asyncio.sleep(RECONNECT_EVERY_S)


async def prepare(settings: Settings) -> None:
    """Temporal knows our search attributes, and the scheduled workflows run on their schedules; repeatable."""
    client = await connect(settings)
    await add_attributes(client)
    await add_schedules(client, settings)
    _log.info("prepared")


async def serve(
    settings: Settings, queues: Sequence[str], loops: Sequence[str], *, workflows: Sequence[type[Any]]
) -> None:
    """The queues are polled and the loops run until SIGTERM or SIGINT; then work at hand is finished."""
    stop = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    _mark_ready(settings, ready=False)
    parts = WorkerParts(settings, await connect_when_up(settings))
    await wait_for_schema(parts.database)
    workers = [make_worker(parts, queue, workflows=workflows) for queue in queues if parts.activities(queue)]
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    async with asyncio.TaskGroup() as tasks:
        for name in loops:
            tasks.create_task(parts.loop(name).run(stop))
        running = [tasks.create_task(worker.run()) for worker in workers]
        tasks.create_task(_announce(settings, workers, queues, loops))
        await stop.wait()
        await asyncio.gather(*(worker.shutdown() for worker in workers))
        await asyncio.gather(*running)
    await parts.close()


async def _announce(settings: Settings, workers: Sequence[Worker], queues: Sequence[str], loops: Sequence[str]) -> None:
    while not all(worker.is_running for worker in workers):  # noqa: ASYNC110 - the SDK has no event for it
        await asyncio.sleep(0.02)
    _mark_ready(settings, ready=True)
    _log.info("worker_ready", queues=list(queues), loops=list(loops))


def _mark_ready(settings: Settings, *, ready: bool) -> None:
    if settings.ready_file is not None and ready:
        settings.ready_file.touch()
    elif settings.ready_file is not None:
        settings.ready_file.unlink(missing_ok=True)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def main(workflows: Sequence[type[Any]] = WORKFLOWS) -> None:
    """Parses the command line and runs these workflows until it is told to stop."""
    parser = argparse.ArgumentParser(description="The paysaga worker.")
    parser.add_argument("--queues", type=_names, default=[SAGA_QUEUE], help="task queues to serve, comma-separated")
    parser.add_argument("--loops", type=_names, default=[], help="loops to run: fold, events")
    parser.add_argument("--prepare", action="store_true", help="register search attributes and schedules, then end")
    arguments = parser.parse_args()
    settings = Settings()
    configure_logs(settings.log_level)
    if arguments.prepare:
        uvloop.run(prepare(settings))
    else:
        uvloop.run(serve(settings, arguments.queues, arguments.loops, workflows=workflows))


if __name__ == "__main__":
    main()
