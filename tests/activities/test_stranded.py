"""Which workflows wait for workers that are gone: only silence tells, and never of the current version."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.common import WorkerDeploymentVersion

from activities.stranded import Versions

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SILENT_SINCE = NOW - timedelta(minutes=3)
V1, V2 = (WorkerDeploymentVersion("paysaga", build) for build in ("v1", "v2"))
NONE = WorkerDeploymentVersion("", "")


@pytest.mark.parametrize(
    ("pinned", "polled_at", "expected"),
    [
        (None, {}, False),  # any version may go on with it
        (V1, {}, True),
        (V1, {V1: NOW - timedelta(minutes=4), V2: NOW}, True),
        (V1, {V1: NOW - timedelta(minutes=1)}, False),  # a quiet worker asks once a minute
        (V2, {}, False),  # down: its payments wait for it
    ],
)
def test_silence_of_another_version_strands_what_is_pinned_to_it(
    pinned: WorkerDeploymentVersion | None, polled_at: dict[WorkerDeploymentVersion, datetime], *, expected: bool
) -> None:
    """While v2 is the current version."""
    assert expected == Versions(V2, polled_at).strand(pinned, silent_since=SILENT_SINCE)


def test_what_is_pinned_is_stranded_too_when_no_version_is_current() -> None:
    """Versions were given up: workers without one are there for it."""
    assert Versions(NONE, {NONE: NOW}).strand(V1, silent_since=SILENT_SINCE)
