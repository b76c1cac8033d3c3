"""The embedded Temporal server: durable, tuned, and never confused with another one."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from activities.search_attributes import CHANNEL, MERCHANT_ID
from devstack.errors import ChildError
from devstack.ports import free_port, port_answers
from devstack.temporal import TemporalServer, temporal_program
from schedules import add_attributes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A running server with its web interface."""
    with TemporalServer(tmp_path_factory.mktemp("temporal"), free_port(), ui_port=free_port()) as temporal:
        yield temporal


async def test_open_workflows_survive_kill_9(server: TemporalServer) -> None:
    """What was started is still there after the server was killed and started on the same folder."""
    client = await Client.connect(server.address)
    await client.start_workflow("Parked", id="parked", task_queue="nobody")
    server.kill()
    await asyncio.to_thread(server.start)
    description = await (await Client.connect(server.address)).get_workflow_handle("parked").describe()
    assert WorkflowExecutionStatus.RUNNING == description.status


async def test_prepared_attributes_are_taken_at_once(server: TemporalServer) -> None:
    """The server remembers names for a while, and a payment's first POST must not meet that."""
    client = await Client.connect(server.address)
    await add_attributes(client)
    attributes = TypedSearchAttributes([SearchAttributePair(MERCHANT_ID, "mer"), SearchAttributePair(CHANNEL, "sim")])
    await client.start_workflow("Parked", id="attributed", task_queue="nobody", search_attributes=attributes)
    await add_attributes(client)


def test_closed_workflows_are_kept_for_thirty_days(server: TemporalServer) -> None:
    """An operator can look at a payment for a month."""
    words = [temporal_program(), "operator", "namespace", "describe", "--namespace", "default", "-o", "json"]
    shown = subprocess.run([*words, "--address", server.address], capture_output=True, check=True)
    assert "2592000s" == json.loads(shown.stdout)["config"]["workflowExecutionRetentionTtl"]


def test_a_taken_port_is_refused_before_anything_starts(server: TemporalServer, tmp_path: Path) -> None:
    """The other server's answers are never taken for those of ours."""
    with pytest.raises(ChildError, match=f"port {server.port} is in use"):
        TemporalServer(tmp_path, server.port).start()


def test_a_refused_flag_is_told_with_the_end_of_the_log(tmp_path: Path) -> None:
    """A server that cannot start says why in its log, and the error carries that."""
    with pytest.raises(ChildError, match="no-such-flag"):
        TemporalServer(tmp_path, free_port(), extra_args=["--no-such-flag"]).start()


def test_nothing_answers_after_a_stop(tmp_path: Path) -> None:
    """Stopped means that the port is free again."""
    with TemporalServer(tmp_path, free_port()) as temporal:
        assert port_answers(temporal.port)
    assert not port_answers(temporal.port)
