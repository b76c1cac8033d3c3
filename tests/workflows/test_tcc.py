"""The coordinator alone (laws 3, 6 and 7), on the real Temporal server; waits are skipped, not slept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.ids import new_id
from tests.support.servers import Addresses
from tests.workflows.tcc_saga import Ended, Script, TccSaga
from workflows.tcc import Decision

Run = Callable[[Script], Awaitable[Ended]]

TRIED = ("try local", "send")
UNDONE = ("unsend", "cancel inventory", "cancel funds", "finish cancel")
CONFIRMED = ("confirm sender", "confirm local", "finish confirm")
BUG = "KeyError"
ENDS_WITHIN_S = 20


@pytest.fixture(scope="module")
async def skipping(addresses: Addresses) -> Client:
    client = await Client.connect(addresses.temporal, data_converter=pydantic_data_converter)
    return TimeSkipper(client).client


@pytest.fixture(scope="module")
async def queue(skipping: Client) -> AsyncIterator[str]:
    name = new_id("tcc")
    async with Worker(skipping, task_queue=name, workflows=[TccSaga], workflow_runner=UnsandboxedWorkflowRunner()):
        yield name


@pytest.fixture
def run(skipping: Client, queue: str) -> Run:
    async def saga(script: Script) -> Ended:
        async with asyncio.timeout(ENDS_WITHIN_S):  # a saga that should end and stalls instead is a failure
            return await skipping.execute_workflow(TccSaga.run, script, id=new_id("tcc"), task_queue=queue)

    return saga


async def test_all_is_tried_then_pivoted_then_confirmed(run: Run) -> None:
    """What is ours is held before anything leaves the house; the pivot is committed before the first confirm."""
    ended = await run(Script())
    assert (*TRIED, "pivot", *CONFIRMED) == ended.steps
    assert Decision.CONFIRM == ended.decision


async def test_without_a_sender_the_tries_alone_decide(run: Run) -> None:
    """A payment by balance alone."""
    assert ("try local", "pivot", "confirm local", "finish confirm") == (await run(Script(sends=False))).steps


async def test_a_refusal_at_home_undoes_everything_and_sends_nothing(run: Run) -> None:
    """The refusal is kept first; each branch is cancelled, tried or not, so that a late try meets a tombstone."""
    ended = await run(Script(failures={"try local": ("out_of_stock",)}))
    assert ("try local", "refused out_of_stock", *UNDONE) == ended.steps
    assert Decision.CANCEL == ended.decision


async def test_a_refusal_outside_lets_go_what_is_held_at_home(run: Run) -> None:
    """Only after the outside can no longer be paid."""
    ended = await run(Script(failures={"send": ("channel_declined",)}))
    assert (*TRIED, "refused channel_declined", *UNDONE) == ended.steps


@pytest.mark.parametrize("step", ["try local", "send"])
@pytest.mark.parametrize("ending", ["deadline", "stopped"])
async def test_a_deadline_stops_and_is_no_refusal(run: Run, step: str, ending: str) -> None:
    """Law 7: out of time means closing, through the proof that nobody can pay any more."""
    ended = await run(Script(failures={step: (ending,)}))
    assert (*TRIED[: TRIED.index(step) + 1], "stop", *UNDONE) == ended.steps


async def test_money_found_while_undoing_goes_forward(run: Run) -> None:
    """Closing becomes confirming when the channel says paid: nothing held at home was let go by then."""
    ended = await run(Script(paid_after_all=True, failures={"send": ("deadline",)}))
    assert (*TRIED, "stop", "unsend", *CONFIRMED) == ended.steps
    assert Decision.CONFIRM == ended.decision


async def test_one_refusing_cancel_does_not_stop_the_others(run: Run) -> None:
    """It is flagged and tried again; the other is cancelled meanwhile, once."""
    failures = {"try local": ("out_of_stock",), "cancel inventory": (BUG, "out_of_stock", "deadline")}
    ended = await run(Script(failures=failures))
    undo = ("unsend", "cancel inventory", "cancel funds", *["cancel inventory"] * 3, "finish cancel")
    assert ("try local", "refused out_of_stock", *undo) == ended.steps
    assert ("step_failing:KeyError", "step_failing:out_of_stock", "step_failing:TimeoutError") == ended.flags


async def test_a_failing_confirm_is_tried_for_ever_and_never_flipped(skipping: Client, queue: str) -> None:
    """Law 6: not even a business refusal undoes what was decided; pauses double up to five minutes."""
    failing = (BUG, "balance_insufficient", "deadline", BUG, BUG, BUG)
    script = Script(failures={"confirm local": failing})
    saga = await skipping.start_workflow(TccSaga.run, script, id=new_id("tcc"), task_queue=queue)
    ended = await saga.result()
    assert (*TRIED, "pivot", "confirm sender", *["confirm local"] * 7, "finish confirm") == ended.steps
    assert len(failing) == len(ended.flags)
    history = [event async for event in saga.fetch_history_events()]
    timers = [event for event in history if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    pauses = [event.timer_started_event_attributes.start_to_fire_timeout.ToSeconds() for event in timers]
    assert [10, 20, 40, 80, 160, 300] == pauses


async def test_a_flag_that_fails_stops_nothing(run: Run) -> None:
    """The database that cannot be written may be the very thing that is down."""
    ended = await run(Script(failures={"confirm local": (BUG, BUG), "flag": (BUG, BUG)}))
    assert (*TRIED, "pivot", "confirm sender", *["confirm local"] * 3, "finish confirm") == ended.steps


async def test_a_terminal_row_that_fails_is_written_later(run: Run) -> None:
    """Law 11: the workflow never closes before its row says how."""
    ended = await run(Script(failures={"finish cancel": (BUG,), "try local": ("out_of_stock",)}))
    assert ("finish cancel", "finish cancel") == ended.steps[-2:]


@pytest.mark.parametrize(
    ("decision", "steps"),
    [(Decision.OPEN, (*TRIED, "pivot", *CONFIRMED)), (Decision.CANCEL, UNDONE), (Decision.CONFIRM, CONFIRMED)],
)
async def test_an_empty_history_goes_on_from_the_rows(run: Run, decision: Decision, steps: tuple[str, ...]) -> None:
    """What was decided is not decided again; nothing is tried after it."""
    ended = await run(Script(decision=decision))
    assert steps == ended.steps


@pytest.mark.parametrize("step", ["try local", "send"])
async def test_a_bug_stalls_and_moves_nothing(skipping: Client, queue: str, step: str) -> None:
    """Law 7: what is neither refusal nor deadline decides nothing; the workflow stays open for a person to see."""
    script = Script(failures={step: (BUG,)})
    stalled = await skipping.start_workflow(TccSaga.run, script, id=new_id("tcc"), task_queue=queue)
    failures = stalled.fetch_history_events(wait_new_event=True)
    async with asyncio.timeout(15):
        failed = await anext(
            event async for event in failures if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        )
    assert f"decides nothing: {BUG}" in failed.workflow_task_failed_event_attributes.failure.message
    assert WorkflowExecutionStatus.RUNNING == (await stalled.describe()).status
    await stalled.terminate()
