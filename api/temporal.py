"""The way to Temporal: connected when first needed, again after a failure, and never for longer than a caller waits."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from temporalio.client import Client, Interceptor
from temporalio.service import RetryConfig, RPCError, RPCStatusCode

from activities.payloads import data_converter
from domain.errors import Unavailable

CONNECT_TIMEOUT_S = 3
RETRY_FOR_MS = 3_000
READY_TIMEOUT_S = 2

_log = structlog.get_logger("temporal")

#: What Temporal says when it, or every worker, is away; anything else is about the one workflow that was asked for.
AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.ABORTED,
        RPCStatusCode.FAILED_PRECONDITION,
    }
)


class TemporalConnection:
    """One client for the process; callers that arrive while it connects wait for the same try."""

    def __init__(self, address: str, namespace: str, *, interceptors: Sequence[Interceptor] = ()) -> None:
        self._address = address
        self._namespace = namespace
        self._interceptors = list(interceptors)
        self._client: Client | None = None
        self._connecting: asyncio.Task[Client] | None = None

    async def client(self) -> Client:
        """The connected client; Unavailable when Temporal does not answer within seconds."""
        if self._client is not None:
            return self._client
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
        try:
            self._client = await asyncio.wait_for(asyncio.shield(self._connecting), CONNECT_TIMEOUT_S)
        except (RuntimeError, TimeoutError, RPCError) as error:  # a first connection fails with RuntimeError
            _log.warning("temporal_unavailable", reason=type(error).__name__)
            raise Unavailable("Temporal does not answer") from error
        return self._client

    async def ready(self) -> bool:
        """True when Temporal answers now."""
        try:
            client = await self.client()
            return await client.service_client.check_health(timeout=timedelta(seconds=READY_TIMEOUT_S))
        except (Unavailable, RPCError):
            return False

    async def _connect(self) -> Client:
        return await Client.connect(
            self._address,
            namespace=self._namespace,
            data_converter=data_converter,
            interceptors=self._interceptors,
            retry_config=RetryConfig(max_elapsed_time_millis=RETRY_FOR_MS),
            connect_timeout=timedelta(seconds=CONNECT_TIMEOUT_S),
        )
