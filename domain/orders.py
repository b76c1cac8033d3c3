"""What a business asked for, validated and routed: the body that `open` makes a payment from."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.money import AmountMinor, Currency, NonNegativeMinor
from domain.states import Invoke, Purpose

ORDER_NO_MAX = 64
SUBJECT_MAX = 256
EXPIRES_IN_S_DEFAULT = 900


class Frozen(BaseModel):
    """An immutable model that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Payer(Frozen):
    """Who pays: a wallet of ours and what the channel needs; names never stand here."""

    account_id: str | None = None
    open_id: str | None = None
    app_id: str | None = None
    auth_code: str | None = Field(default=None, repr=False)
    ip: str | None = None


class OrderLine(Frozen):
    """Some of one product at one price."""

    sku: str
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    unit_price_minor: NonNegativeMinor
    warehouse: str | None = None


class PaymentOrder(Frozen):
    """A payment request with its parts settled: `amount_minor = balance_minor + channel_minor` = lines + shipping.

    `channel_account_id` and `invoke` are set exactly when `channel_minor` is above zero. A top-up goes into the wallet
    `to_account_id`, wholly by a channel, and its `order_no` is the `top_up_no`.
    """

    purpose: Purpose = Purpose.PAYMENT
    order_no: str
    to_account_id: str | None = None
    amount_minor: AmountMinor
    currency: Currency
    subject: str
    balance_minor: NonNegativeMinor = 0
    shipping_minor: NonNegativeMinor = 0
    channel: str | None = None
    channel_account_id: str | None = None
    invoke: Invoke | None = None
    payer: Payer = Payer()
    lines: tuple[OrderLine, ...] = ()
    expires_in_s: int = EXPIRES_IN_S_DEFAULT
    notify_url: str | None = None
    return_url: str | None = None
    quit_url: str | None = None
    metadata: dict[str, str] = {}

    @property
    def channel_minor(self) -> int:
        """What the channel shall collect, in minor units."""
        return self.amount_minor - self.balance_minor

    def lines_minor(self) -> int:
        """The sum of the lines in minor units; 0 without lines."""
        return sum(line.quantity * line.unit_price_minor for line in self.lines)

    def adds_up(self) -> bool:
        """True when the balance part is within the amount and, with lines, lines + shipping equal the amount."""
        if self.balance_minor > self.amount_minor:
            return False
        return not self.lines or self.lines_minor() + self.shipping_minor == self.amount_minor
