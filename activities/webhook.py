"""Telling the business what the first try did not: one activity per delivery, retried by Temporal for days."""

from datetime import datetime, timedelta

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.delivery_rows import Called, CallRecord, Outgoing, read_outgoing, record_calls
from activities.webhook_guard import WebhookGuard
from activities.webhook_schedule import DeliverySchedule
from activities.webhook_sending import WebhookSender
from domain.orders import Frozen
from store.database import Database
from store.secrets import SecretBox

_log = structlog.get_logger("webhook")


class DeliveryCommand(Frozen):
    """Which delivery; what and where is read from its row (law 14)."""

    delivery_id: str


class DeliveryAnswer(Frozen):
    """How the delivery stands now."""

    delivery_id: str
    state: str


class WebhookDelivery:
    """Sends events to the URLs that businesses chose."""

    def __init__(
        self, database: Database, box: SecretBox, guard: WebhookGuard, schedule: DeliverySchedule | None = None
    ) -> None:
        self._database = database
        self._sender = WebhookSender(box, guard)
        self._schedule = schedule or DeliverySchedule()

    @activity.defn(name="webhook.deliver")
    async def deliver(self, command: DeliveryCommand) -> DeliveryAnswer:
        """One call between two short transactions; a 2xx ends the delivery as `delivered`.

        Anything else is kept in the delivery log and raised for Temporal to try again, until the business answers 410
        or the schedule's horizon is near: then the delivery is `failed`. A run after its end changes nothing; a run
        after a crash may send the event again under the same event id.
        """
        async with self._database.reading() as session:
            outgoing = await read_outgoing(session, command.delivery_id)
        if outgoing is None:
            raise ApplicationError("no such delivery", type="webhook_unknown", non_retryable=True)
        if outgoing.state != "pending":
            return DeliveryAnswer(delivery_id=command.delivery_id, state=outgoing.state)
        call = await self._sender.send(outgoing)
        state = self._state_after(call, outgoing.read_at + timedelta(milliseconds=call.duration_ms))
        async with self._database.transaction("webhook.deliver", command.delivery_id) as session:
            await record_calls(session, [Called(command.delivery_id, call, state)])
        return self._answer(command.delivery_id, outgoing, call, state)

    def _state_after(self, call: CallRecord, at: datetime) -> str:
        return "failed" if call.state == "pending" and self._is_last_try(at) else call.state

    def _is_last_try(self, at: datetime) -> bool:
        """Whether the next, after this one that ended `at`, would be past the horizon, by the servers' clocks alone."""
        info = activity.info()
        next_try_at = at + self._schedule.wait_after(info.attempt)
        return next_try_at > info.scheduled_time + self._schedule.horizon

    def _answer(self, delivery_id: str, outgoing: Outgoing, call: CallRecord, state: str) -> DeliveryAnswer:
        log = _log.bind(delivery_id=delivery_id, event_id=outgoing.event_id, event_type=outgoing.event_type)
        log.info("webhook_called", outcome=call.outcome, state=state, duration_ms=call.duration_ms)
        if state == "delivered":
            return DeliveryAnswer(delivery_id=delivery_id, state=state)
        raise ApplicationError(
            f"the business did not take the event: {call.outcome}",
            type="webhook_refused",
            non_retryable=state == "failed",
            category=ApplicationErrorCategory.BENIGN,
        )
