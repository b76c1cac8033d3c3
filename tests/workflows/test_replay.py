"""Every path that was ever recorded replays with the code of today: open payments survive an upgrade."""

import re

import pytest
from temporalio.client import WorkflowHistory

import worker
from tests.support.histories import recorded, replayer
from tests.support.replayed import left_over, lines_of, steps, steps_in

#: Functions that leave no trace in a history.
UNTRACED = {
    "Collecting.saga": "a query",
    "PayoutWorkflow.payout": "a query",
    "RefundWorkflow.refund": "a query",
    "Story.view": "the answer of a query",
    "PayoutWorkflow._check_decision": "a validator: what it refuses is not recorded",
    "RefundWorkflow._check_decision": "a validator: what it refuses is not recorded",
    "check_decision": "part of the validators",
}
#: Statements that end a task in a failure, which no history shows once the task has succeeded.
UNENDING = re.compile(r"raise$|(raise|return) RuntimeError\(|raise undecided\(|assert_never\(")
#: Steps that no workflow calls.
ALONE = {"webhook.deliver"}


@pytest.mark.parametrize("history", recorded(), ids=lambda history: history.workflow_id)
async def test_a_recorded_history_replays(history: WorkflowHistory) -> None:
    """A change to a workflow goes in with `patched`, and must replay all of these."""
    await replayer().replay_workflow(history)


async def test_every_statement_of_the_workflows_runs_in_a_recorded_history() -> None:
    """A path without a history could be changed unnoticed: docs/upgrades.md says how to record one."""
    left = left_over(await lines_of(recorded()))
    assert [] == [str(one) for one in left if one.function not in UNTRACED and not UNENDING.match(one.source)]


def test_every_workflow_has_a_recorded_history() -> None:
    """Also those that a schedule starts."""
    kinds = {each.__name__.removesuffix("Workflow") for each in worker.WORKFLOWS}
    started = (history.events[0].workflow_execution_started_event_attributes for history in recorded())
    assert kinds == {one.workflow_type.name for one in started}


def test_every_step_stands_in_a_recorded_history() -> None:
    """What the workflows call by a name in a table as well."""
    assert [] == sorted(steps() - steps_in(recorded()) - ALONE)
