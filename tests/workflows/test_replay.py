"""Every path that was ever recorded replays with the code of today: open payments survive an upgrade."""

import pytest
from temporalio.client import WorkflowHistory

from tests.support.histories import recorded, replayer


@pytest.mark.parametrize("history", recorded(), ids=lambda history: history.workflow_id)
async def test_a_recorded_history_replays(history: WorkflowHistory) -> None:
    """A change to a workflow goes in with `patched`, and must replay all of these."""
    await replayer().replay_workflow(history)


def test_each_path_has_a_recorded_history() -> None:
    """Success by each tool, refusals, closing, late and double money, restarts from rows, watch and sweep."""
    assert len(recorded()) >= 20
