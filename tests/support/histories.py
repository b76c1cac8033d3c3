"""Histories of real runs, replayed by the code of today in the sandbox."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import worker
from activities.payloads import data_converter
from activities.tracing import Tracing
from tests.support.centre import eventually

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
        data_converter=data_converter,
        interceptors=[Tracing()],
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
    )


async def replays(client: Client, workflow_id: str, path: str) -> None:
    """The workflow's history so far replays; it is kept as `path` when a recording is asked for."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    _keep(history, path)
    await replayer().replay_workflow(history)


async def keep_others(client: Client, path: str, *, since: datetime, known: Sequence[str]) -> None:
    """When a recording is asked for: what else ran in the namespace since then, once the known ones are listed."""
    if not os.environ.get(VARIABLE):
        return
    kinds = ", ".join(f"'{each.__name__.removesuffix('Workflow')}'" for each in worker.WORKFLOWS)
    wanted = f"WorkflowType IN ({kinds}) AND StartTime >= '{since.isoformat()}'"

    async def listed() -> dict[str, str]:
        return {one.id: one.workflow_type async for one in client.list_workflows(wanted)}

    found = await eventually(listed, lambda ids: set(known) <= set(ids))
    for number, workflow_id in enumerate(sorted(set(found) - set(known))):
        history = await client.get_workflow_handle(workflow_id).fetch_history()
        _keep(history, f"{path}-{found[workflow_id].lower()}-{number + 1}")


def _keep(history: WorkflowHistory, path: str) -> None:
    if folder := os.environ.get(VARIABLE):
        Path(folder, f"{path}.json").write_text(history.to_json().replace(f"{ROOT}/", ""))  # traces name files


def recorded(folder: Path = RECORDED) -> list[WorkflowHistory]:
    """The histories that were kept there, one for each path."""
    return [WorkflowHistory.from_json(path.stem, path.read_text()) for path in sorted(folder.glob("*.json"))]
