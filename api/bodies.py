"""The bodies of `POST /v1/payments`, `POST /v1/top_ups` and of the calls about one of them."""

from typing import Annotated, Any, Literal

from pydantic import Field, IPvAnyAddress

from api.fields import Body, BusinessNo, Metadata, ShortText, Sku, Subject, Token, Url, Warehouse
from domain.money import AmountMinor, Currency, NonNegativeMinor
from domain.orders import EXPIRES_IN_S_DEFAULT
from domain.states import Invoke

LINES_MAX = 100
QUANTITY_MAX = 1_000_000

PAYMENT_EXAMPLES: dict[str, Any] = {
    "examples": [
        {
            "order_no": "order-123",
            "amount_minor": 4000,
            "currency": "CNY",
            "subject": "Two cups of tea",
            "channel": "sim",
            "invoke": "qr",
            "lines": [{"sku": "tea", "quantity": 2}],
        }
    ]
}


class ChannelPayerBody(Body):
    """Who pays, as the channel must know it."""

    open_id: Token | None = None
    app_id: Token | None = None
    auth_code: Token | None = Field(None, description="What the payer shows at the counter, for `barcode`.", repr=False)
    ip: IPvAnyAddress | None = None


class PayerBody(ChannelPayerBody):
    """Who pays."""

    account_id: Token | None = Field(None, description="The wallet that the balance part comes from.")


class LineBody(Body):
    """Some of one product; without a price, at that of the catalogue."""

    sku: Sku
    quantity: Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX)]
    unit_price_minor: NonNegativeMinor | None = None
    warehouse: Warehouse | None = None


class PaymentBody(Body):
    """What a business asks for: `amount_minor` is what the payer pays, `balance_minor` included."""

    model_config = {**Body.model_config, "json_schema_extra": PAYMENT_EXAMPLES}

    order_no: BusinessNo
    amount_minor: AmountMinor
    currency: Currency
    subject: Subject
    channel: ShortText | None = Field(None, description="Else the first account that can do it.", examples=["sim"])
    invoke: Invoke | None = Field(None, description="How the payer meets the channel; `qr` when left out.")
    payer: PayerBody = PayerBody()
    balance_minor: NonNegativeMinor = 0
    shipping_minor: NonNegativeMinor = 0
    lines: Annotated[list[LineBody], Field(max_length=LINES_MAX)] = []
    capture: Literal["automatic"] = "automatic"
    expires_in_s: Annotated[int, Field(strict=True, ge=60, le=86_400)] = EXPIRES_IN_S_DEFAULT
    notify_url: Url | None = None
    return_url: Url | None = None
    quit_url: Url | None = None
    metadata: Metadata = {}


class TopUpBody(Body):
    """What a business asks for when a payer fills a wallet: `amount_minor` is what the payer pays."""

    top_up_no: BusinessNo
    account_id: Token = Field(description="The wallet.", examples=["acc_4kq0s1h9m3n8q2w4e6r8t0y1ab"])
    amount_minor: AmountMinor
    currency: Currency
    subject: Subject = "Top-up"
    channel: ShortText | None = Field(None, description="Else the first account that can do it.", examples=["sim"])
    invoke: Invoke | None = Field(None, description="How the payer meets the channel; `qr` when left out.")
    payer: ChannelPayerBody = ChannelPayerBody()
    expires_in_s: Annotated[int, Field(strict=True, ge=60, le=86_400)] = EXPIRES_IN_S_DEFAULT
    notify_url: Url | None = None
    return_url: Url | None = None
    metadata: Metadata = {}


class SwitchBody(Body):
    """Collect by another channel, or another way of the same one."""

    channel: ShortText = Field(examples=["sim"])
    invoke: Invoke = Invoke.QR
