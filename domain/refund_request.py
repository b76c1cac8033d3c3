"""What a business asks to be given back: the body that `open` makes a refund from."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from domain.money import AmountMinor, Currency
from domain.orders import Frozen

REASON_MAX = 128
QUANTITY_MAX = 1_000_000
LINES_MAX = 100


class RestockLine(Frozen):
    """Some of one line of the payment that comes back into stock; named by its number or, where that is enough, sku."""

    line_no: Annotated[int, Field(strict=True, ge=1, le=LINES_MAX)] | None = None
    sku: str | None = None
    quantity: Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if (self.line_no is None) == (self.sku is None):
            raise ValueError("a line is named by line_no or by sku")
        return self


class RefundRequest(Frozen):
    """A refund as it was asked for, amounts in the payer's money; without a currency, the payment's."""

    payment_id: str
    amount_minor: AmountMinor
    currency: Currency | None = None
    reason: str
    lines: tuple[RestockLine, ...] = ()
    metadata: dict[str, str] = {}


class ItemRefundRequest(Frozen):
    """A refund that takes an item out of suspense; amount, currency and payment are the item's."""

    suspense_item_id: str
