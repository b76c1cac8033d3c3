"""Bodies of calls about accounts, products, and what an operator makes for a merchant."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from api.fields import Body, Metadata, ShortText, Sku, TimeZone, Token, Url, Warehouse
from domain.fees import FeeRule
from domain.money import AmountMinor, Currency, NonNegativeMinor
from domain.states import FundsHolder

STOCK_MAX = 1_000_000_000
ATTENTION_AFTER_S_MAX = 604_800

ConfigValue = (
    Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]
    | StrictInt
    | StrictBool
    | Annotated[float, Field(allow_inf_nan=False)]
    | None
)
SecretText = Annotated[str, StringConstraints(max_length=16_384, pattern=r"^[^\x00]*$")]
EventPattern = Annotated[
    str,
    StringConstraints(max_length=64, pattern=r"^(\*|[a-z_]+\.(\*|[a-z_]+))$"),
    Field(examples=["payment.succeeded"]),
]


class AccountBody(Body):
    """One of a kind per owner and currency. The operator alone opens a merchant's, and sets the last two fields."""

    kind: Literal["wallet", "merchant_available"] = "wallet"
    owner: Annotated[ShortText, Field(examples=["payer-7"])]
    currency: Currency
    metadata: Metadata = {}
    merchant_id: Token | None = None
    opening_balance_minor: AmountMinor | None = None


class ReasonBody(Body):
    """Why the operator does it; kept."""

    reason: Annotated[ShortText, Field(examples=["reported stolen"])]


class SkuBody(Body):
    """A product and its price."""

    sku: Sku
    name: Annotated[ShortText, Field(examples=["Tea"])]
    unit_price_minor: NonNegativeMinor
    currency: Currency
    on_sale: bool = True
    metadata: Metadata = {}


class StockBody(Body):
    """What a warehouse has, what is reserved and sold included."""

    warehouse: Warehouse = "main"
    on_hand: Annotated[int, Field(strict=True, ge=0, le=STOCK_MAX)]


class MerchantBody(Body):
    """A new merchant."""

    name: Annotated[ShortText, Field(examples=["Tea House"])]
    time_zone: TimeZone = "Asia/Shanghai"
    switch_unproven: bool = Field(False, description="Switch without proof; the loser of two payments is refunded.")
    attention_after_s: Annotated[int, Field(strict=True, ge=0, le=ATTENTION_AFTER_S_MAX)] = 900
    metadata: Metadata = {}


class ChannelBody(Body):
    """A merchant's contract with a channel; which `config` and `secrets` it needs is the channel's."""

    channel: Annotated[ShortText, Field(examples=["sim"])]
    currency: Currency
    funds_holder: FundsHolder
    fee: FeeRule = FeeRule()
    config: dict[ShortText, ConfigValue] = {}
    secrets: dict[ShortText, SecretText] = Field({}, repr=False)
    enabled: bool = True


class KeyBody(Body):
    """Nothing is asked."""


class WebhookBody(Body):
    """Where to tell which events; `rotate_secret` makes a new secret while the old one still signs for a day."""

    url: Url
    events: Annotated[list[EventPattern], Field(min_length=1, max_length=50)] = ["*"]
    rotate_secret: bool = False
