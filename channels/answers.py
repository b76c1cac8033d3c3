"""What a channel decided, in the words of this project; what it did not decide is an error (`channels/errors.py`)."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from channels.evidence import Evidence
from domain.money import Currency, Money, NonNegativeMinor
from domain.orders import Frozen


class QrAction(Frozen):
    """The payer scans a code made from `qr_text`."""

    kind: Literal["qr"] = "qr"
    qr_text: str
    expires_at: AwareDatetime


class RedirectAction(Frozen):
    """The payer's browser goes to `url`."""

    kind: Literal["redirect"] = "redirect"
    url: str
    expires_at: AwareDatetime


class FormAction(Frozen):
    """The payer's browser posts `fields` to `action`."""

    kind: Literal["form"] = "form"
    action: str
    fields: dict[str, str]
    expires_at: AwareDatetime


class SdkAction(Frozen):
    """The merchant's app hands `order_string` to the channel's SDK."""

    kind: Literal["sdk"] = "sdk"
    order_string: str = Field(repr=False)
    expires_at: AwareDatetime


class JsapiAction(Frozen):
    """The page inside the channel's app calls its bridge with `params`."""

    kind: Literal["jsapi"] = "jsapi"
    params: dict[str, str] = Field(repr=False)
    expires_at: AwareDatetime


class ClientSecretAction(Frozen):
    """The merchant's page confirms with the channel's own elements."""

    kind: Literal["client_secret"] = "client_secret"
    client_secret: str = Field(repr=False)
    expires_at: AwareDatetime


class NoAction(Frozen):
    """The merchant has nothing to show; the payer acts at the channel by itself, if at all."""

    kind: Literal["none"] = "none"
    expires_at: AwareDatetime


PayAction = Annotated[
    QrAction | RedirectAction | FormAction | SdkAction | JsapiAction | ClientSecretAction | NoAction,
    Field(discriminator="kind"),
]


class AnswerState(StrEnum):
    """What the channel says of an order.

    `waiting` can still be paid; `processing` needs nothing of the payer; `declined`, `closed` are final at the
    channel; `rejected`: this call was refused and made no order; `not_found` is an answer, not a proof (law 5).
    """

    WAITING = "waiting"
    PROCESSING = "processing"
    PAID = "paid"
    AUTHORIZED = "authorized"
    CLOSED = "closed"
    DECLINED = "declined"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"


class OrderAnswer(Frozen):
    """An order as the channel sees it: the one answer of pay, query, close and a payment callback.

    `paid` always carries `paid_amount_minor` and `currency`, as the channel states them: whether they are what was
    asked is for the caller to compare. `pay` is set while the payer can act. `code` says why it was declined or
    rejected, in the channel's word.
    """

    state: AnswerState
    evidence: Evidence
    channel_no: str | None = None
    paid_amount_minor: NonNegativeMinor | None = None
    currency: Currency | None = None
    paid_at: AwareDatetime | None = None
    pay: PayAction | None = None
    code: str | None = None

    @model_validator(mode="after")
    def _paid_states_the_money(self) -> Self:
        if self.state is AnswerState.PAID and (self.paid_amount_minor is None or self.currency is None):
            raise ValueError("a paid order states its amount and currency")
        return self


class RefundAnswerState(StrEnum):
    """What the channel says of a refund.

    `failed` is the channel's own word, final, also when it refused and made no refund; `needs_action`: refused for
    now for a reason that a person can remove (our balance there), the same number may be sent again. `bounced`
    follows `succeeded`: the payer's bank sent it back, and the money is in our balance at the channel again.
    """

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    BOUNCED = "bounced"
    FAILED = "failed"
    NEEDS_ACTION = "needs_action"
    NOT_FOUND = "not_found"


class RefundAnswer(Frozen):
    """A refund as the channel sees it: the one answer of refund, refund query and a refund callback.

    A bounced refund keeps its `succeeded_at`.
    """

    state: RefundAnswerState
    evidence: Evidence
    channel_refund_no: str | None = None
    amount_minor: NonNegativeMinor | None = None
    currency: Currency | None = None
    succeeded_at: AwareDatetime | None = None
    bounced_at: AwareDatetime | None = None
    code: str | None = None


class TransferAnswerState(StrEnum):
    """What the channel says of a transfer.

    `returned` follows `succeeded`: the payee's side sent it back, and the money is in our balance at the channel again.
    `failed` is the channel's own word, final, also when it refused and made no transfer. `needs_action`: a person must
    act first (fill our balance there, or confirm as the payee), the same number may be sent again. `not_found` is an
    answer, not a proof (law 5).
    """

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    RETURNED = "returned"
    FAILED = "failed"
    NEEDS_ACTION = "needs_action"
    NOT_FOUND = "not_found"


class TransferAnswer(Frozen):
    """A transfer as the channel sees it: the one answer of transfer, transfer query and a transfer callback.

    `amount_minor` and `currency` are as the channel states them, for the caller to compare. A returned transfer keeps
    its `succeeded_at`. `code` says why it failed or waits for a person, in the channel's word.
    """

    state: TransferAnswerState
    evidence: Evidence
    channel_transfer_no: str | None = None
    amount_minor: NonNegativeMinor | None = None
    currency: Currency | None = None
    succeeded_at: AwareDatetime | None = None
    returned_at: AwareDatetime | None = None
    code: str | None = None


class BalanceAnswer(Frozen):
    """What the channel holds for us and would let us spend now, by its own book."""

    available: Money
    evidence: Evidence
