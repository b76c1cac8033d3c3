"""The request id on its way from the REST call through workflow and activities, and the sorting of their errors."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import structlog
from temporalio import activity, client, worker
from temporalio.api.common.v1 import Payload
from temporalio.converter import default as default_converter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.errors import BusinessError

HEADER = "request-id"
_log = structlog.get_logger("steps")
_converter = default_converter().payload_converter


def _payload(request_id: str) -> Payload:
    return _converter.to_payloads([request_id])[0]


def _read(headers: Mapping[str, Payload]) -> str | None:
    if HEADER not in headers:
        return None
    value: str = _converter.from_payloads([headers[HEADER]], [str])[0]
    return value


def _bound() -> dict[str, Payload]:
    """The header for whatever is bound in this context now."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {} if request_id is None else {HEADER: _payload(request_id)}


class Tracing(client.Interceptor, worker.Interceptor):
    """Given to `Client.connect`, it serves the client and every worker made of it."""

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:  # noqa: A002 - theirs
        """Outgoing calls carry the request id that is bound."""
        return _ClientOutbound(next)

    def workflow_interceptor_class(
        self,
        input: worker.WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - theirs
    ) -> type[worker.WorkflowInboundInterceptor]:
        """Workflows pass it on."""
        return _WorkflowInbound

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:  # noqa: A002
        """Activities bind it to their logs."""
        return _ActivityInbound(next)


class _ClientOutbound(client.OutboundInterceptor):
    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:  # noqa: A002
        input.headers = {**input.headers, **_bound()}
        return await super().start_workflow(input)

    async def signal_workflow(self, input: client.SignalWorkflowInput) -> None:  # noqa: A002
        input.headers = {**input.headers, **_bound()}
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: client.StartWorkflowUpdateInput) -> client.WorkflowUpdateHandle[Any]:  # noqa: A002
        input.headers = {**input.headers, **_bound()}
        return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self,
        input: client.StartWorkflowUpdateWithStartInput,  # noqa: A002
    ) -> client.WorkflowUpdateHandle[Any]:
        bound = _bound()
        start, update = input.start_workflow_input, input.update_workflow_input
        start.headers = {**start.headers, **bound}
        update.headers = {**update.headers, **bound}
        return await super().start_update_with_start_workflow(input)


class _Held:
    """The header of one workflow run; an attribute, because context variables do not survive a replay."""

    header: Mapping[str, Payload] = MappingProxyType({})


class _WorkflowInbound(worker.WorkflowInboundInterceptor):
    def __init__(self, next: worker.WorkflowInboundInterceptor) -> None:  # noqa: A002
        super().__init__(next)
        self._held = _Held()

    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(_WorkflowOutbound(outbound, self._held))

    async def execute_workflow(self, input: worker.ExecuteWorkflowInput) -> Any:  # noqa: A002, ANN401 - theirs
        if HEADER in input.headers:
            self._held.header = {HEADER: input.headers[HEADER]}
        return await super().execute_workflow(input)


class _WorkflowOutbound(worker.WorkflowOutboundInterceptor):
    def __init__(self, next: worker.WorkflowOutboundInterceptor, held: _Held) -> None:  # noqa: A002
        super().__init__(next)
        self._held = held

    def start_activity(self, input: worker.StartActivityInput) -> Any:  # noqa: A002, ANN401 - theirs
        input.headers = {**input.headers, **self._held.header}
        return super().start_activity(input)

    def start_local_activity(self, input: worker.StartLocalActivityInput) -> Any:  # noqa: A002, ANN401 - theirs
        input.headers = {**input.headers, **self._held.header}
        return super().start_local_activity(input)

    async def start_child_workflow(self, input: worker.StartChildWorkflowInput) -> Any:  # noqa: A002, ANN401 - theirs
        input.headers = {**input.headers, **self._held.header}
        return await super().start_child_workflow(input)


class _ActivityInbound(worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - theirs
        with structlog.contextvars.bound_contextvars(**_identity(input)):
            began = time.monotonic()
            try:
                answer = await super().execute_activity(input)
            except BusinessError as error:
                _log.info("step_refused", code=error.code)
                raise _as_failure(error) from error
            _log.info("step", duration_ms=round((time.monotonic() - began) * 1000, 1))
            return answer


def _identity(input: worker.ExecuteActivityInput) -> dict[str, str]:  # noqa: A002
    running = activity.info()
    bound = {"activity": running.activity_type, "workflow_id": running.workflow_id or running.activity_id}
    if (running.workflow_id or "").startswith("pay_"):
        bound["payment_id"] = running.workflow_id or ""
    if request_id := _read(input.headers):
        bound["request_id"] = request_id
    return bound


def _as_failure(error: BusinessError) -> ApplicationError:
    """What the engine sees of a refusal: its stable code, never retried, and no failure of ours (law 7)."""
    return ApplicationError(error.detail, type=error.code, non_retryable=True, category=ApplicationErrorCategory.BENIGN)
