"""What Temporal is told once, before any worker polls: our search attributes, and what runs on a schedule."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.search_attributes import CHANNEL, MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO, PAYMENT_STATE
from domain.commands import SweepCommand, WatchCommand
from domain.partitions import PartitionCommand
from domain.verification import Scope, VerifyCommand
from settings import Settings
from workflows.partitions import PartitionsWorkflow
from workflows.seal import SealWorkflow
from workflows.sweeper import SweeperWorkflow
from workflows.verify import VerifyWorkflow
from workflows.watch import WatchWorkflow

SAGA_QUEUE = "saga"
TAKEN_LIMIT_S, LOOK_EVERY_S = 90.0, 0.1
#: As that of sagas: a worker that was killed in the middle of a look costs seconds.
TASK_TIMEOUT = timedelta(seconds=3)
#: After the book's day has ended, when little is paid.
NIGHTLY = ScheduleSpec(
    calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(3)], minute=[ScheduleRange(30)])],
    time_zone_name="Asia/Shanghai",
)
#: Partitions are made two periods ahead: a run that fails has the next one.
PARTITION_EVERY_S = 3_600
#: What a server that was down at its time still makes up for: the next run of what is frequent comes soon anyway.
CATCH_UP, CATCH_UP_NIGHTLY = timedelta(minutes=1), timedelta(hours=6)
#: A little more than a run takes at most. One that nobody can go on with, because its workers' version is gone or
#: because a bug stalls it, would otherwise hold up every later run.
ENDS_WITHIN = {
    "watch": timedelta(minutes=20),
    "sweeper": timedelta(minutes=20),
    "seal": timedelta(minutes=70),
    "verify": timedelta(hours=4),
    "verify-everything": timedelta(hours=4),
    "partitions": timedelta(hours=4),
}


async def add_attributes(client: Client) -> None:
    """The client's namespace has our search attributes, and its server takes them; repeatable.

    Raises `RPCError` when it does not take them within a minute and a half.
    """
    keyword, flag = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, IndexedValueType.INDEXED_VALUE_TYPE_BOOL
    attributes = {key.name: keyword for key in (PAYMENT_STATE, MERCHANT_ID, ORDER_NO, CHANNEL)}
    attributes[NEEDS_ATTENTION.name] = flag
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=attributes)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
    await _until_taken(client, list(attributes))


async def _until_taken(client: Client, names: Sequence[str]) -> None:
    """A server remembers names for up to a minute: one that is new is refused until it looks again."""
    gives_up_at = time.monotonic() + TAKEN_LIMIT_S
    while True:
        try:
            await client.count_workflows(" OR ".join(f"{name} IS NOT NULL" for name in names))
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT or time.monotonic() > gives_up_at:
                raise
            await asyncio.sleep(LOOK_EVERY_S)
        else:
            return


async def add_schedules(client: Client, settings: Settings) -> None:
    """Each scheduled workflow runs with the periods of the settings; one that existed is changed to them.

    One that an operator paused stays paused.
    """
    sweep = SweepCommand(grace_s=settings.sweep_grace_s)
    await _schedule(client, "watch", WatchWorkflow.run, WatchCommand(), when=_every(settings.watch_every_s))
    await _schedule(client, "sweeper", SweeperWorkflow.run, sweep, when=_every(settings.sweep_every_s))
    await _schedule(client, "seal", SealWorkflow.run, when=_every(settings.seal_every_s))
    changed, everything = (VerifyCommand(scope=scope) for scope in (Scope.CHANGED, Scope.EVERYTHING))
    await _schedule(client, "verify", VerifyWorkflow.run, changed, when=_every(settings.verify_every_s))
    await _schedule(client, "verify-everything", VerifyWorkflow.run, everything, when=NIGHTLY)
    partitions = PartitionCommand(days=settings.partition_days, retention_days=settings.partition_retention_days)
    await _schedule(client, "partitions", PartitionsWorkflow.run, partitions, when=_every(PARTITION_EVERY_S))


def _every(seconds: int) -> ScheduleSpec:
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=seconds))])


async def _schedule(client: Client, name: str, run: Any, *commands: Any, when: ScheduleSpec) -> None:  # noqa: ANN401
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            run,
            args=commands,
            id=name,
            task_queue=SAGA_QUEUE,
            run_timeout=ENDS_WITHIN[name],
            task_timeout=TASK_TIMEOUT,
        ),
        spec=when,
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP_NIGHTLY if when is NIGHTLY else CATCH_UP
        ),
    )
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:

        def changed(known: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=replace(schedule, state=known.description.schedule.state))

        await client.get_schedule_handle(name).update(changed)
