"""One signed call of one delivery, whoever makes it: the feed for the first time, or the activity later."""

import asyncio
import time

from activities.delivery_rows import CallRecord, Outgoing
from activities.webhook_guard import WebhookGuard, WebhookUnreachable
from activities.webhook_signing import open_webhook_secret, signed
from domain.errors import WebhookUrlRefused
from store.secrets import SecretBox


class WebhookSender:
    """Signs with the merchant's secrets and calls through the guard; no row is read or written."""

    def __init__(self, box: SecretBox, guard: WebhookGuard) -> None:
        self._box = box
        self._guard = guard

    async def send(self, outgoing: Outgoing, limit_s: float | None = None) -> CallRecord:
        """How the one call ended, within `limit_s` or the guard's own limit, whichever is shorter."""
        started = time.monotonic()
        keys = [open_webhook_secret(self._box, sealed) for sealed in outgoing.sealed_secrets]
        if not keys:  # `notify_url` without a registered webhook: nothing is sent that cannot be verified
            return CallRecord(0, error="no_secret")
        body = signed(outgoing.event_id, outgoing.body, keys, at=outgoing.read_at)
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._guard.post(outgoing.url, body)
        except TimeoutError:
            return CallRecord(_elapsed_ms(started), error="timeout")
        except WebhookUnreachable as unreachable:
            return CallRecord(_elapsed_ms(started), error=str(unreachable))
        except WebhookUrlRefused as refused:
            return CallRecord(_elapsed_ms(started), error=refused.code)
        return CallRecord(_elapsed_ms(started), status=answer.status, answer=answer.body)


def _elapsed_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1_000)
