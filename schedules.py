"""What Temporal is told once, before any worker polls: our search attributes, and what runs on a schedule."""

from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.search_attributes import CHANNEL, MERCHANT_ID, NEEDS_ATTENTION, ORDER_NO, PAYMENT_STATE
from domain.commands import SweepCommand, WatchCommand
from settings import Settings
from workflows.sweeper import SweeperWorkflow
from workflows.watch import WatchWorkflow

SAGA_QUEUE = "saga"


async def add_attributes(client: Client) -> None:
    """The client's namespace has our search attributes; repeatable."""
    keyword, flag = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, IndexedValueType.INDEXED_VALUE_TYPE_BOOL
    attributes = {key.name: keyword for key in (PAYMENT_STATE, MERCHANT_ID, ORDER_NO, CHANNEL)}
    attributes[NEEDS_ATTENTION.name] = flag
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=attributes)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def add_schedules(client: Client, settings: Settings) -> None:
    """Each scheduled workflow runs with the periods of the settings; one that existed is changed to them."""
    sweep = SweepCommand(grace_s=settings.sweep_grace_s)
    await _schedule(client, "watch", WatchWorkflow.run, WatchCommand(), every_s=settings.watch_every_s)
    await _schedule(client, "sweeper", SweeperWorkflow.run, sweep, every_s=settings.sweep_every_s)


async def _schedule(client: Client, name: str, run: Any, command: Any, *, every_s: int) -> None:  # noqa: ANN401
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(run, command, id=name, task_queue=SAGA_QUEUE),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=every_s))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(lambda _: ScheduleUpdate(schedule=schedule))
