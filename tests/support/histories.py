"""Histories of real runs, replayed by the code of today in the sandbox."""

import os
from pathlib import Path

from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import worker
from activities.tracing import Tracing

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "histories"
#: Set to a folder, each test of the workflows leaves the histories of its payments there.
VARIABLE = "PAYSAGA_RECORD_HISTORIES"
PASSED_THROUGH = ("pydantic", "pydantic_core", "domain", "activities", "structlog")


def replayer() -> Replayer:
    """A replayer of every workflow, sandboxed: what is not deterministic fails here."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return Replayer(
        workflows=list(worker.WORKFLOWS),
        data_converter=pydantic_data_converter,
        interceptors=[Tracing()],
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
    )


async def replays(client: Client, workflow_id: str, path: str) -> None:
    """The workflow's history so far replays; it is kept as `path` when a recording is asked for."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    if folder := os.environ.get(VARIABLE):
        Path(folder, f"{path}.json").write_text(history.to_json().replace(f"{ROOT}/", ""))  # traces name files
    await replayer().replay_workflow(history)


def recorded() -> list[WorkflowHistory]:
    """The histories that were kept, one for each path."""
    return [WorkflowHistory.from_json(path.stem, path.read_text()) for path in sorted(RECORDED.glob("*.json"))]
