"""Two ways from the API to the workflows: over a queue to a worker process, or inside the API's own process."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from dbos import DBOS, DBOSClient, SetWorkflowID

from bench.peers.dbos_names import ANSWER, CALLBACK, PAYMENT, PAYMENTS


class Door(Protocol):
    """What the routes ask of the engine."""

    async def start(self, payment_id: str) -> None:
        """The workflow will run, now or after a crash; starting what was started changes nothing."""

    async def answered(self, payment_id: str, limit_s: float) -> None:
        """The rows say what the POST waits for, or the limit has passed."""

    async def tell(self, payment_id: str, callback_id: str) -> None:
        """The workflow will hear of the stored callback, once."""


class QueueDoor:
    """The library's client: a worker takes the workflow from the queue."""

    def __init__(self, client: DBOSClient) -> None:
        self._client = client

    async def start(self, payment_id: str) -> None:
        """It waits in the queue."""
        options = {"workflow_name": PAYMENT, "queue_name": PAYMENTS, "workflow_id": payment_id}
        await self._client.enqueue_async(options, payment_id)

    async def answered(self, payment_id: str, limit_s: float) -> None:
        """The worker said so, through a row and a notification."""
        await self._client.get_event_async(payment_id, ANSWER, limit_s)

    async def tell(self, payment_id: str, callback_id: str) -> None:
        """A row, and a notification to the worker."""
        await self._client.send_async(payment_id, callback_id, CALLBACK, idempotency_key=callback_id)


class InlineDoor:
    """The engine in this process: the workflow begins at once, and shares the processor with the routes."""

    def __init__(self, payment: Callable[[str], Awaitable[str]]) -> None:
        self._payment = payment

    async def start(self, payment_id: str) -> None:
        """It runs here."""
        with SetWorkflowID(payment_id):
            await DBOS.start_workflow_async(self._payment, payment_id)

    async def answered(self, payment_id: str, limit_s: float) -> None:
        """The workflow said so, through a row and a notification."""
        await DBOS.get_event_async(payment_id, ANSWER, limit_s)

    async def tell(self, payment_id: str, callback_id: str) -> None:
        """A row, and a notification to whichever process runs the workflow."""
        await DBOS.send_async(payment_id, callback_id, CALLBACK, idempotency_key=callback_id)
