"""Which workflows nobody can go on with: those pinned to a version of the workers that polls no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.api.enums.v1 import TaskQueueType, VersioningBehavior
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.common import WorkerDeploymentVersion


@dataclass(frozen=True)
class Versions:
    """The versions of the workers of one task queue: which is current, and when each asked for work last."""

    current: WorkerDeploymentVersion
    polled_at: Mapping[WorkerDeploymentVersion, datetime]

    def strand(self, pinned: WorkerDeploymentVersion | None, *, silent_since: datetime) -> bool:
        """True when what is pinned to this version waits for workers that are gone.

        A worker asks again at least once a minute, so a longer silence tells. What is pinned to the current version is
        never stranded: its workers are merely down, and starting it again would bring it to the same ones.
        """
        if pinned is None or pinned == self.current:
            return False
        polled_at = self.polled_at.get(pinned)
        return polled_at is None or polled_at < silent_since


async def read_versions(client: Client, task_queue: str) -> Versions:
    """As Temporal knows them now; it forgets who has not polled for five minutes."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    described = await client.workflow_service.describe_task_queue(request)
    current = described.versioning_info.current_deployment_version
    polled_at: dict[WorkerDeploymentVersion, datetime] = {}
    for poller in described.pollers:
        options = poller.deployment_options
        version = WorkerDeploymentVersion(options.deployment_name, options.build_id)
        asked_at = poller.last_access_time.ToDatetime(tzinfo=UTC)
        polled_at[version] = max(asked_at, polled_at.get(version, asked_at))
    return Versions(WorkerDeploymentVersion(current.deployment_name, current.build_id), polled_at)


def pinned_version(description: WorkflowExecutionDescription) -> WorkerDeploymentVersion | None:
    """The version that alone may go on with the workflow; None when any may, or when an operator has said which."""
    versioning = description.raw_description.workflow_execution_info.versioning_info
    pinned = versioning.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
    if not pinned or versioning.HasField("versioning_override"):
        return None
    version = versioning.deployment_version
    return WorkerDeploymentVersion(version.deployment_name, version.build_id)


class Stranded:
    """Tells for one look at many workflows which of them are stranded; asks Temporal as seldom as it can."""

    def __init__(self, client: Client, task_queue: str, *, silent_since: datetime) -> None:
        self._client = client
        self._task_queue = task_queue
        self._silent_since = silent_since
        self._versions: Versions | None = None

    async def holds(self, description: WorkflowExecutionDescription) -> bool:
        """True when the workflow is pinned to a version that has been silent for so long and is not the current one."""
        pinned = pinned_version(description)
        if pinned is None:
            return False
        if self._versions is None:
            self._versions = await read_versions(self._client, self._task_queue)
        if not self._strands(self._versions, pinned):
            return False
        self._versions = await read_versions(self._client, self._task_queue)  # it may have come back meanwhile
        return self._strands(self._versions, pinned)

    def _strands(self, versions: Versions, pinned: WorkerDeploymentVersion) -> bool:
        return versions.strand(pinned, silent_since=self._silent_since)
