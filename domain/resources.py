"""The objects beside payments as the API shows them."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from domain.fees import FeeRule
from domain.money import Currency
from domain.objects import Minor, Moment, Shown
from domain.states import FundsHolder

Metadata = dict[str, Any]
Version = Annotated[int, Field(description="Grows by one at each change.", examples=[1])]


class AccountObject(Shown):
    """A balance in the book: total = available + frozen."""

    id: str = Field(examples=["acc_4kq0s1h9m3n8q2w4e6r8t0y1ab"])
    kind: str = Field(examples=["wallet"])
    owner: str = Field(examples=["payer-7"])
    merchant_id: str | None
    currency: Currency
    state: str = Field(description="`open`, `blocked` or `closed`.", examples=["open"])
    total_minor: Minor
    available_minor: Minor
    frozen_minor: Minor = Field(description="Held for payments that have not ended.")
    pending_minor: Minor | None = Field(None, description="A merchant's money that is not settled yet.")
    blocked_reason: str | None = None
    version: Version
    metadata: Metadata = {}
    created_at: Moment


class StatementItem(Shown):
    """One entry of an account, and the balance after it."""

    amount_minor: Minor
    balance_minor: Minor
    posting_id: UUID
    object_id: str = Field(description="What it was for.", examples=["pay_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    kind: str = Field(examples=["payment"])
    event_at: Moment
    booked_on: date = Field(description="The day of the book.")
    belongs_to: date | None = Field(None, description="The sealed day that it came too late for.")
    corrects: UUID | None = Field(None, description="The posting that it undoes.")


class BalanceObject(Shown):
    """What an account held then, holds included."""

    account_id: str
    at: Moment | None = None
    on: date | None = None
    balance_minor: Minor
    currency: Currency


class CurrencyBalances(Shown):
    """What a merchant has and owes in one currency."""

    currency: Currency
    available_minor: Minor = Field(0, description="Can be paid out, or refunded from.")
    frozen_minor: Minor = Field(0, description="Held for refunds and payouts that have not ended.")
    pending_minor: Minor = Field(0, description="Not settled yet.")
    reserve_minor: Minor = 0
    in_transit_minor: Minor = Field(0, description="On its way out.")
    direct_minor: Minor = Field(0, description="What the channel owes the merchant itself, told for the record.")
    debt_minor: Minor = Field(0, description="What the merchant owes us for refunds.")
    fee_owed_minor: Minor = Field(0, description="What the merchant owes us for fees.")


class MerchantBalancesObject(Shown):
    """What a merchant has and owes."""

    merchant_id: str
    balances: list[CurrencyBalances]


class StockObject(Shown):
    """What one warehouse holds; sellable = on_hand − reserved − sold."""

    warehouse: str = Field(examples=["main"])
    on_hand: int
    reserved: int
    sold: int


class SkuObject(Shown):
    """A product, its stock summed and by warehouse."""

    id: str = Field(examples=["tea"])
    sku: str = Field(examples=["tea"])
    state: str = Field(description="`on_sale` or `off_sale`.", examples=["on_sale"])
    name: str
    unit_price_minor: Minor
    currency: Currency
    on_sale: bool
    on_hand: int
    reserved: int
    sold: int
    warehouses: list[StockObject] = []
    version: Version
    metadata: Metadata = {}
    created_at: Moment


class MerchantObject(Shown):
    """A business that sells."""

    id: str = Field(examples=["mer_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    state: str = Field(examples=["active"])
    name: str
    time_zone: str
    switch_unproven: bool
    attention_after_s: int
    version: Version
    metadata: Metadata = {}
    created_at: Moment


class ChannelAccountObject(Shown):
    """A merchant's contract with a channel; its secrets are never shown."""

    id: str = Field(examples=["cha_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    state: str = Field(description="`enabled` or `disabled`.", examples=["enabled"])
    merchant_id: str
    channel: str = Field(examples=["sim"])
    currency: Currency
    funds_holder: FundsHolder
    fee: FeeRule
    config: dict[str, Any]
    callback_url: str = Field(description="Where the channel must send its notifications.")
    version: Version
    created_at: Moment


class KeyObject(Shown):
    """An API key; the key itself is shown once."""

    id: str = Field(examples=["key_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    state: str = Field(description="`active` or `revoked`.", examples=["active"])
    merchant_id: str
    api_key: str | None = Field(None, description="Only in the answer that made it.")
    created_at: Moment


class WebhookObject(Shown):
    """Where a merchant is told; the secret is shown once."""

    id: str = Field(examples=["whk_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    merchant_id: str
    url: str
    events: list[str] = Field(examples=[["payment.*"]])
    secret: str | None = Field(None, description="Only in the answer that made it.")
    previous_until: Moment | None = Field(None, description="Until then the previous secret signs as well.")
    version: Version
    created_at: Moment


class OperatorActionObject(Shown):
    """What an operator did by hand; never changed afterwards."""

    id: str = Field(examples=["opa_01k9zr5m3n8q2w4e6r8t0y1ab2"])
    actor: str = Field(description="Which operator key, by its fingerprint.", examples=["operator:3f9a0c1b7d2e"])
    action: str = Field(examples=["account.block"])
    object_id: str
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
    created_at: Moment
