"""What the sending transaction found, and the order that goes out."""

import time
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict
from temporalio.exceptions import ApplicationError

from channels.answers import AnswerState, OrderAnswer
from channels.base import Capabilities, Op, PayOrder
from domain.money import Currency, Money
from domain.orders import Payer
from domain.states import AttemptState, Invoke

#: A sender that was let through so long ago sends nothing any more. Shorter, with the call's own time, than what must
#: pass until the database counts a call as arrived or lost (`sends_under_way`).
STALE_AFTER = timedelta(seconds=45)


class SentAttempt(BaseModel):
    """The columns of an attempt that its order is made of."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    out_no: str
    channel: str
    channel_account_id: str
    invoke: Invoke
    amount_minor: int
    currency: Currency
    expires_at: datetime


class Sending(BaseModel):
    """An attempt as the sending transaction found it: in which state, and whether it may still go."""

    model_config = ConfigDict(frozen=True)

    found: AttemptState
    in_time: bool
    attempt: SentAttempt
    subject: str
    return_url: str | None
    payer: dict[str, Any]

    @property
    def first(self) -> bool:
        """True when no earlier run can have sent this order."""
        return self.found is AttemptState.INTENT

    def may_send(self, capabilities: Capabilities) -> bool:
        """A first send in time; a second one only where our number makes it idempotent (law 4)."""
        if not self.in_time:
            return False
        again = self.found in {AttemptState.SENT, AttemptState.UNKNOWN} and Op.PAY in capabilities.idempotent_ops
        return self.first or again

    def order(self, public_url: str) -> PayOrder:
        """The order; equal fields at each send."""
        attempt = self.attempt
        payer = Payer.model_validate(self.payer)
        return PayOrder(
            out_no=attempt.out_no,
            money=Money(amount_minor=attempt.amount_minor, currency=attempt.currency),
            subject=self.subject,
            invoke=attempt.invoke,
            expires_at=attempt.expires_at,
            notify_url=callback_url(public_url, attempt.channel, attempt.channel_account_id),
            return_url=self.return_url,
            auth_code=payer.auth_code,
            payer=payer,
        )

    def trusted(self, answer: OrderAnswer) -> OrderAnswer | None:
        """A refusal of a second send says nothing of the first: then we do not know (None), and ask."""
        return None if answer.state is AnswerState.REJECTED and not self.first else answer


def require_fresh(begun_at_s: float) -> None:
    """Nothing when the send was let through a moment ago; a stalled sender is refused, and the engine begins anew.

    `begun_at_s` is of `time.monotonic`, which nobody sets back.
    """
    if time.monotonic() - begun_at_s > STALE_AFTER.total_seconds():
        raise ApplicationError("the send was let through too long ago", type="send_stale")


def callback_url(public_url: str, channel: str, channel_account_id: str) -> str:
    """Where this channel account's notifications reach us."""
    return f"{public_url.rstrip('/')}/callbacks/{channel}/{channel_account_id}"
