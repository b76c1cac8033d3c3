"""Workflows whose steps answer by a script, for the paths that the real ones take once in a thousand times."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import worker
from domain.commands import AttemptView, PaymentView
from domain.ids import new_id
from domain.states import AttemptState, CloseProof, PaymentState

FAR = timedelta(hours=1)
#: The next try would come after every deadline: as if no worker had been there for the step.
AWAY = ApplicationError("nobody was there in time", next_retry_delay=timedelta(days=1))
#: Tried again at once, until the step's own time is over.
DOWN = ApplicationError("the database is down")
BUG = ApplicationError("a bug", type="KeyError", non_retryable=True)


Script = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Stage:
    """A client, a task queue of its own, the channel that is served beside it, and the name of what is played."""

    client: Client
    queue: str
    channel: str
    path: str

    def payment(self, state: PaymentState, attempt: AttemptState, **fields: Any) -> PaymentView:  # noqa: ANN401
        """A payment by this channel alone; nothing is due for an hour, unless a field says so."""
        soon = datetime.now(UTC) + FAR
        view = AttemptView(
            out_no="out-1",
            number=1,
            channel=self.channel,
            channel_account_id="cha_1",
            state=attempt,
            close_proof=CloseProof.FINAL,
            send_before=soon,
            call_timeout_s=1,
            close_margin_s=0,
            expires_at=soon,
            next_check_at=soon,
        )
        known = {"payment_id": "pay_1", "merchant_id": "mer_1", "order_no": "order-1", "version": 1, "has_lines": True}
        money = {"balance_minor": 0, "channel_minor": 100, "currency": "CNY", "expires_at": soon}
        return PaymentView.model_validate({**known, **money, "state": state, "attempts": (view,), **fields})


@asynccontextmanager
async def playing(stage: Stage, script: Script) -> AsyncIterator[None]:
    """Each step answers as the script says, the last answer again and again; one that is not in it answers nothing."""
    left = {name: list(answers) for name, answers in script.items()}

    @activity.defn(dynamic=True)
    async def step(_: Sequence[RawValue]) -> Any:  # noqa: ANN401 - whatever the script says
        answers = left.get(activity.info().activity_type, [None])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with AsyncExitStack() as stack:
        for queue in (stage.queue, f"channel-{stage.channel}", f"payout-{stage.channel}"):
            serving = Worker(
                stage.client,
                task_queue=queue,
                workflows=worker.WORKFLOWS if queue == stage.queue else (),
                activities=[step],
                workflow_runner=UnsandboxedWorkflowRunner(),
            )
            await stack.enter_async_context(serving)
        yield


def new_stage(client: Client, path: str) -> Stage:
    """Nobody else's."""
    return Stage(client, new_id("stage"), new_id("channel"), path)
