"""Payments and top-ups as the business sees them, made from rows; answers, events and look-ups show the same object."""

from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from domain.money import Currency
from domain.states import AttemptState, Certainty, CloseReason, Invoke, PaymentState, Purpose

Minor = Annotated[int, Field(description="Minor units of the currency.", examples=[8800])]
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC)), Field(description="RFC 3339, UTC.")]
Rows = dict[str, Any]


class Shown(BaseModel):
    """A part of an answer; what a row has beyond it is not shown."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Qr(Shown):
    """Show the text as a QR code."""

    kind: Literal["qr"] = "qr"
    qr_text: str = Field(examples=["https://pay.example/q/SIM01J"])
    expires_at: Moment


class Redirect(Shown):
    """Send the payer's browser there."""

    kind: Literal["redirect"] = "redirect"
    url: str = Field(examples=["https://pay.example/cashier/SIM01J"])
    expires_at: Moment


class Form(Shown):
    """Post the fields from the payer's browser."""

    kind: Literal["form"] = "form"
    action: str
    fields: dict[str, str]
    expires_at: Moment


class Sdk(Shown):
    """Hand the string to the channel's SDK in the app."""

    kind: Literal["sdk"] = "sdk"
    order_string: str
    expires_at: Moment


class Jsapi(Shown):
    """Hand the parameters to the channel's JavaScript."""

    kind: Literal["jsapi"] = "jsapi"
    params: dict[str, str]
    expires_at: Moment


class ClientSecret(Shown):
    """Confirm with the channel's client library."""

    kind: Literal["client_secret"] = "client_secret"
    client_secret: str
    expires_at: Moment


class NothingToPay(Shown):
    """The payer has nothing to do."""

    kind: Literal["none"] = "none"
    expires_at: Moment


Pay = Annotated[
    Qr | Redirect | Form | Sdk | Jsapi | ClientSecret | NothingToPay,
    Field(discriminator="kind", description="What the payer does next."),
]


class Failure(Shown):
    """Why it failed: a stable code and a sentence for a person."""

    code: str = Field(examples=["out_of_stock"])
    detail: str = Field(examples=["Not enough stock"])


class Attention(Shown):
    """A person is needed: why, and who."""

    reason: str | None = None
    owner: str


class AttemptObject(Shown):
    """One try of the payment at one channel."""

    out_no: str = Field(description="Our number at the channel.", examples=["01K9ZR5M3N8Q2W4E6R8T0Y1AB2"])
    channel: str = Field(examples=["sim"])
    channel_no: str | None = Field(None, description="The channel's number.", examples=["SIM00000042"])
    invoke: Invoke
    state: AttemptState


class Collected(Shown):
    """What payments and top-ups show alike: how the payer's money is collected, and how that ends."""

    id: str
    merchant_id: str = Field(examples=["mer_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    state: PaymentState = Field(examples=["awaiting_payer"])
    version: int = Field(description="Grows by one at each change.", examples=[2])
    subject: str = Field(examples=["Two cups of tea"])
    amount_minor: Minor
    currency: Currency
    fee_minor: Minor
    channel: str | None = Field(None, examples=["sim"])
    invoke: Invoke | None = None
    out_no: str | None = Field(None, description="Our number of the live or winning attempt.")
    channel_no: str | None = Field(None, description="The channel's number of that attempt.")
    pay: Pay | None = Field(None, description="Only while the payer can act; never part of an event.")
    attempts: list[AttemptObject] = []
    failure: Failure | None = None
    close_reason: CloseReason | None = None
    certainty: Certainty
    next_check_at: Moment | None = None
    needs_attention: bool
    attention: Attention | None = None
    paid_at: Moment | None = None
    expires_at: Moment
    metadata: dict[str, str] = {}
    created_at: Moment


class PaymentObject(Collected):
    """The payer's intention to pay the merchant."""

    id: str = Field(examples=["pay_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    order_no: str = Field(description="The business's number.", examples=["order-123"])
    balance_minor: Minor
    channel_minor: Minor
    coupon_minor: Minor
    shipping_minor: Minor
    net_minor: Minor = Field(description="What the merchant gets: amount − fee.")
    captured_minor: Minor
    refunded_minor: Minor
    refundable_minor: Minor = Field(description="What may still be refunded; refunds under way are counted.")
    capture_before: Moment | None = None
    revives: str | None = Field(None, description="The closed payment whose late money this one uses.")


class TopUpObject(Collected):
    """The payer's intention to put money into a wallet of the merchant's."""

    id: str = Field(examples=["top_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    top_up_no: str = Field(description="The business's number.", examples=["top-up-123"])
    account_id: str = Field(description="The wallet.", examples=["acc_4kq0s1h9m3n8q2w4e6r8t0y1ab"])
    net_minor: Minor = Field(description="What the wallet gets: amount − fee.")


def render_payment(snapshot: Rows, *, with_pay: bool) -> PaymentObject:
    """The object of `{"payment": row, "attempts": [rows]}`; `with_pay` adds what the payer needs."""
    payment: Rows = snapshot["payment"]
    refundable_minor = payment["captured_minor"] - payment["refunded_minor"] - payment.get("refunding_minor", 0)
    shown = payment | _collected(snapshot, with_pay=with_pay) | {"refundable_minor": refundable_minor}
    return PaymentObject.model_validate(shown)


def render_top_up(snapshot: Rows, *, with_pay: bool) -> TopUpObject:
    """The object of the same rows, where they are a top-up's."""
    payment: Rows = snapshot["payment"]
    numbers = {"top_up_no": payment["order_no"], "account_id": payment["to_account_id"]}
    return TopUpObject.model_validate(payment | _collected(snapshot, with_pay=with_pay) | numbers)


def render_collected(snapshot: Rows, *, with_pay: bool) -> PaymentObject | TopUpObject:
    """Whichever of the two the rows are."""
    render = render_top_up if snapshot["payment"]["purpose"] == Purpose.TOP_UP else render_payment
    return render(snapshot, with_pay=with_pay)


def _collected(snapshot: Rows, *, with_pay: bool) -> Rows:
    """What is derived from the rows."""
    payment: Rows = snapshot["payment"]
    attempts: list[Rows] = sorted(snapshot["attempts"], key=lambda attempt: int(attempt["number"]))
    shown = _shown_attempt(payment, attempts)
    return {
        "net_minor": payment["amount_minor"] - payment["fee_minor"],
        "channel": shown.get("channel", payment["channel"]),
        "invoke": shown.get("invoke", payment["invoke"]),
        "out_no": shown.get("out_no"),
        "channel_no": shown.get("channel_no"),
        "attempts": attempts,
        "failure": _failure(payment),
        "attention": _attention(payment),
        "pay": _pay(payment, attempts) if with_pay else None,
    }


def _shown_attempt(payment: Rows, attempts: list[Rows]) -> Rows:
    """The winning attempt, else the newest; `paid_twice` and `paid_late` ones never stand for the payment."""
    winners = [attempt for attempt in attempts if attempt["state"] == AttemptState.PAID]
    if winners:
        return winners[0]
    ended = payment["state"] == PaymentState.SUCCEEDED
    return {} if ended or not attempts else attempts[-1]


def _failure(payment: Rows) -> Rows | None:
    code = payment["failure_code"]
    return None if code is None else {"code": code, "detail": payment["failure_detail"] or code}


def _attention(payment: Rows) -> Rows | None:
    if not payment["needs_attention"]:
        return None
    return {"reason": payment["attention_reason"], "owner": payment["attention_owner"]}


def _pay(payment: Rows, attempts: list[Rows]) -> Rows | None:
    state = PaymentState(payment["state"])
    if not payment["channel_minor"]:
        return {"kind": "none", "expires_at": payment["expires_at"]}
    if not attempts or not state.before_pivot or state is PaymentState.CLOSING:
        return None
    newest = attempts[-1]
    if newest["pay"] is None or not AttemptState(newest["state"]).open:
        return None
    return {"expires_at": newest["expires_at"], **newest["pay"]}
