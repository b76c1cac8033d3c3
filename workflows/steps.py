"""How a workflow calls its steps: local for one transaction of ours, normal for a call to a channel."""

from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy

from workflows import timing

Answer = TypeVar("Answer")


async def local(
    name: str, command: BaseModel, answer: type[Answer], *, summary: str = "", until: timedelta | None = None
) -> Answer:
    """One database step, tried until it answers, is refused, or `until` has passed."""
    return await _local(name, command, answer, retry=timing.UNTIL_DEADLINE, until=until, summary=summary)


async def local_quietly(name: str, command: BaseModel, answer: type[Answer], *, summary: str = "") -> Answer:
    """One database step with a bounded number of tries; for steps that only go forward (`tcc.forward`)."""
    return await _local(name, command, answer, retry=timing.QUIETLY, until=None, summary=summary)


async def _local(  # noqa: PLR0913 - the one place where a local step is spelled out
    name: str,
    command: BaseModel,
    answer: type[Answer],
    *,
    retry: RetryPolicy,
    until: timedelta | None,
    summary: str,
) -> Answer:
    result: Answer = await workflow.execute_local_activity(
        name,
        command,
        result_type=answer,
        start_to_close_timeout=timing.LOCAL_STEP,
        schedule_to_close_timeout=until,
        retry_policy=retry,
        local_retry_threshold=timing.LOCAL_RETRY_THRESHOLD,
        summary=summary or None,
    )
    return result


async def call_channel(  # noqa: PLR0913 - the one place where a channel call is spelled out
    name: str,
    command: BaseModel,
    answer: type[Answer],
    *,
    channel: str,
    call_timeout_s: int,
    until: timedelta,
    summary: str,
    queue: str = "channel",
) -> Answer:
    """One call to a channel on its own queue, taken over within seconds when its worker dies."""
    result: Answer = await workflow.execute_activity(
        name,
        command,
        result_type=answer,
        task_queue=f"{queue}-{channel}",
        start_to_close_timeout=timedelta(seconds=call_timeout_s) + timing.CALL_MARGIN,
        schedule_to_close_timeout=until,
        heartbeat_timeout=timing.CALL_HEARTBEAT,
        retry_policy=timing.CALL_RETRY,
        summary=summary,
    )
    return result
