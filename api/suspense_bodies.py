"""The ways to resolve a suspense item; each takes its whole amount."""

from typing import Annotated, Any, Literal

from pydantic import Field

from api.fields import Body, BusinessNo, Token
from api.outgoing_bodies import DestinationBody

RESOLUTION_EXAMPLES: dict[str, Any] = {"examples": [{"how": "refund", "refund_no": "refund-123-again"}]}


class RefundResolution(Body):
    """Back to the payer once more, by the channel that it came by."""

    model_config = {**Body.model_config, "json_schema_extra": RESOLUTION_EXAMPLES}

    how: Literal["refund"]
    refund_no: BusinessNo


class WalletResolution(Body):
    """Into a wallet of the item's merchant."""

    how: Literal["wallet"]
    account_id: Token


class PayoutResolution(Body):
    """To a payee's account at the channel where the money lies."""

    how: Literal["payout"]
    payout_no: BusinessNo
    destination: DestinationBody


ResolutionBody = Annotated[RefundResolution | WalletResolution | PayoutResolution, Field(discriminator="how")]
