"""What a business asked for: the kept body that `open` makes a payout or a transfer from."""

from typing import Annotated

from pydantic import ConfigDict, Field

from domain.money import AmountMinor, Currency
from domain.orders import Frozen


class Destination(Frozen):
    """Whom a payout reaches, as its channel names one; it goes from the database to that channel alone (law 14)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    account: str = Field(repr=False)
    name: str | None = Field(default=None, repr=False)


class PayoutRequest(Frozen):
    """A payout out of an account, or of a suspense item: exactly one of both is named.

    Without `channel_account_id` the merchant has none that can do it, and the payout will be refused.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    payout_no: str
    account_id: str | None = None
    suspense_item_id: str | None = None
    amount_minor: AmountMinor
    currency: Currency
    channel: str
    channel_account_id: str | None = None
    destination: Destination = Field(repr=False)
    memo: str | None = None
    metadata: Annotated[dict[str, str], Field(default_factory=dict)]


class TransferRequest(Frozen):
    """Money from one account to another; `across_merchants` when the operator asked, who alone may cross them.

    One that ends a suspense item names it: the item's whole amount, from the account of suspense into a wallet.
    """

    transfer_no: str
    from_account_id: str
    to_account_id: str
    suspense_item_id: str | None = None
    amount_minor: AmountMinor
    currency: Currency
    memo: str | None = None
    metadata: Annotated[dict[str, str], Field(default_factory=dict)]
    across_merchants: bool = False
