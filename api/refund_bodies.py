"""The bodies of calls about refunds."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from api.fields import Body, BusinessNo, Metadata, ShortText, Sku, Token
from domain.money import AmountMinor, Currency
from domain.refund_request import LINES_MAX, QUANTITY_MAX

REFUND_EXAMPLES: dict[str, Any] = {
    "examples": [
        {
            "refund_no": "refund-123",
            "payment_id": "pay_01k9zr5m3n8q2w4e6r8t0y1ab2",
            "amount_minor": 2000,
            "reason": "one cup was cold",
            "lines": [{"sku": "tea", "quantity": 1}],
        }
    ]
}


class RestockLineBody(Body):
    """Some of one line that goes back into stock; a product is enough where one line of the payment has it."""

    line_no: Annotated[int, Field(strict=True, ge=1, le=LINES_MAX)] | None = Field(None, description="1 is the first.")
    sku: Sku | None = None
    quantity: Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX)]

    @model_validator(mode="after")
    def _named_once(self) -> "RestockLineBody":
        if (self.line_no is None) == (self.sku is None):
            raise ValueError("name the line by line_no or by sku")
        return self


class RefundBody(Body):
    """What goes back to the payer, in the payer's money; `lines` only say what goes back into stock."""

    model_config = {**Body.model_config, "json_schema_extra": REFUND_EXAMPLES}

    refund_no: BusinessNo
    payment_id: Token
    amount_minor: AmountMinor
    currency: Currency | None = Field(None, description="Checked against the payment's when it is there.")
    reason: ShortText
    lines: Annotated[list[RestockLineBody], Field(max_length=LINES_MAX)] = []
    metadata: Metadata = {}
