"""Bodies of the calls that send money: payouts, transfers, and decisions about them."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from api.fields import Body, BusinessNo, Metadata, ShortText, Token
from domain.money import AmountMinor, Currency

ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$"), Field(examples=["sim"])]

PAYOUT_EXAMPLES: dict[str, Any] = {
    "examples": [
        {
            "payout_no": "payout-7",
            "account_id": "acc_4kq0s1h9m3n8q2w4e6r8t0y1ab",
            "amount_minor": 5000,
            "currency": "CNY",
            "destination": {"channel": "sim", "account": "6222020200112233", "name": "Wang Wei"},
        }
    ]
}


class DestinationBody(Body):
    """Whom it reaches: the payee's account as the channel names one, and who must stand behind it."""

    channel: ChannelName
    account: ShortText = Field(repr=False)
    name: ShortText | None = Field(None, repr=False)


class PayoutBody(Body):
    """Money out of a wallet, or out of a merchant's available money; a fee is inside `amount_minor`."""

    model_config = {**Body.model_config, "json_schema_extra": PAYOUT_EXAMPLES}

    payout_no: BusinessNo
    account_id: Token
    amount_minor: AmountMinor
    currency: Currency
    destination: DestinationBody
    memo: ShortText | None = Field(None, description="What the payee reads.")
    metadata: Metadata = {}


class TransferBody(Body):
    """Money from one account to another; a fee is paid by the sender, on top."""

    transfer_no: BusinessNo
    from_account_id: Token
    to_account_id: Token
    amount_minor: AmountMinor
    currency: Currency
    memo: ShortText | None = None
    metadata: Metadata = {}


class Choice(StrEnum):
    """What an operator may decide."""

    APPROVE = "approve"
    REJECT = "reject"


class DecisionBody(Body):
    """An operator's word on an object that waits for one; a rejection has its reason."""

    decision: Choice
    reason: ShortText | None = None

    @model_validator(mode="after")
    def _reason_of_a_rejection(self) -> "DecisionBody":
        if self.decision is Choice.REJECT and self.reason is None:
            raise ValueError("a rejection has its reason")
        return self
