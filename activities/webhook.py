"""Telling the business: one activity per delivery, retried by Temporal for days, beside the payment's workflow."""

import time
from datetime import UTC, datetime

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.delivery_rows import CallRecord, Outgoing, read_outgoing, record_call
from activities.webhook_guard import WebhookGuard, WebhookUnreachable
from activities.webhook_schedule import DeliverySchedule
from activities.webhook_signing import open_webhook_secret, signed
from domain.errors import WebhookUrlRefused
from domain.orders import Frozen
from store.database import Database
from store.secrets import SecretBox

GONE = 410

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
        self._box = box
        self._guard = guard
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
        call = await self._call(outgoing)
        state = self._state_after(call)
        async with self._database.transaction("webhook.deliver", command.delivery_id) as session:
            await record_call(session, command.delivery_id, call, state)
        return self._answer(command.delivery_id, outgoing, call, state)

    async def _call(self, outgoing: Outgoing) -> CallRecord:
        started = time.monotonic()
        keys = [open_webhook_secret(self._box, sealed) for sealed in outgoing.sealed_secrets]
        if not keys:  # `notify_url` without a registered webhook: nothing is sent that cannot be verified
            return CallRecord(0, error="no_secret")
        try:
            answer = await self._guard.post(outgoing.url, signed(outgoing.event_id, outgoing.body, keys))
        except WebhookUnreachable as unreachable:
            return CallRecord(_elapsed_ms(started), error=str(unreachable))
        except WebhookUrlRefused as refused:
            return CallRecord(_elapsed_ms(started), error=refused.code)
        return CallRecord(_elapsed_ms(started), status=answer.status, answer=answer.body)

    def _state_after(self, call: CallRecord) -> str:
        if call.accepted:
            return "delivered"
        return "failed" if call.status == GONE or self._is_last_try() else "pending"

    def _is_last_try(self) -> bool:
        info = activity.info()
        next_try_at = datetime.now(UTC) + self._schedule.wait_after(info.attempt)
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


def _elapsed_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1_000)
