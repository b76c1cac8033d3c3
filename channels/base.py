"""The one interface in front of every third party, and the words it is spoken in."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import AwareDatetime, ConfigDict, Field, SecretStr

from channels.answers import (
    AnswerState,
    BalanceAnswer,
    OrderAnswer,
    PayAction,
    RefundAnswer,
    RefundAnswerState,
    TransferAnswer,
    TransferAnswerState,
)
from channels.callbacks import Ack, Callback, CallbackKind, Inbound
from channels.evidence import Evidence
from channels.operations import Capabilities, Op
from domain.money import Currency, Money
from domain.orders import Frozen, Payer
from domain.states import Invoke

__all__ = [
    "Ack",
    "AnswerState",
    "BalanceAnswer",
    "Callback",
    "CallbackKind",
    "Capabilities",
    "Channel",
    "ChannelAccount",
    "Evidence",
    "Inbound",
    "Op",
    "OrderAnswer",
    "PayAction",
    "PayOrder",
    "RefundAnswer",
    "RefundAnswerState",
    "RefundOrder",
    "TransferAnswer",
    "TransferAnswerState",
    "TransferOrder",
]


class ChannelAccount(Frozen):
    """One merchant's contract with a channel; `config` may be shown to an operator, `secrets` never to anyone."""

    model_config = ConfigDict(hide_input_in_errors=True)

    id: str
    channel: str
    currency: Currency
    config: dict[str, str | int | float | bool | None]
    secrets: dict[str, SecretStr] = Field(repr=False)


class PayOrder(Frozen):
    """An order to be paid; sent again with equal fields it is the same order. `out_no` is our number at the channel.

    `auth_code` is what the payer shows at the counter (`barcode`); `payer` is what else the channel must know.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    out_no: str
    money: Money
    subject: str
    invoke: Invoke
    expires_at: AwareDatetime
    notify_url: str
    return_url: str | None = None
    auth_code: str | None = Field(default=None, repr=False)
    payer: Payer = Field(default=Payer(), repr=False)


class RefundOrder(Frozen):
    """Captured money to give back: `money` of the `total` that the order `out_no` was paid with."""

    out_refund_no: str
    out_no: str
    channel_no: str | None
    money: Money
    total: Money
    reason: str
    notify_url: str | None = None


class TransferOrder(Frozen):
    """Our money at the channel to be sent to `account`; sent again with equal fields it is the same transfer.

    `account` is the payee as the channel names one (a login, an open id, an account number), `name` whom the channel
    must find behind it, `memo` what the payee reads.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    out_transfer_no: str
    money: Money
    account: str = Field(repr=False)
    name: str | None = Field(default=None, repr=False)
    memo: str | None = None
    notify_url: str | None = None


class Channel(Protocol):
    """A third party. No retries, no database, no policy: each method is one operation, told truthfully.

    The methods that call out raise `NotSent`, `RateLimited`, `Unknown`, `Misconfigured` or `Unsupported`, and end
    within `capabilities(account).call_timeout_s`.
    """

    name: str
    ack_fail: Ack

    def capabilities(self, account: ChannelAccount) -> Capabilities:
        """What the account can do; no I/O. `Misconfigured` when its config is not valid."""
        ...

    def validate_account(self, config: Mapping[str, object], secrets: Mapping[str, str]) -> None:
        """Return when an account can be made of these; `Misconfigured` names everything missing or wrong."""
        ...

    async def pay(self, account: ChannelAccount, order: PayOrder) -> OrderAnswer:
        """The channel has the order, or refused it (`rejected`, `declined`)."""
        ...

    async def query(self, account: ChannelAccount, out_no: str) -> OrderAnswer:
        """The order as the channel sees it now, or `not_found`."""
        ...

    async def close(self, account: ChannelAccount, out_no: str) -> OrderAnswer:
        """The order is `closed`, or the answer says why not: `paid` (with its amount), `declined`, `not_found`."""
        ...

    async def refund(self, account: ChannelAccount, order: RefundOrder) -> RefundAnswer:
        """The channel has the refund, or refused it (`failed`, `needs_action`)."""
        ...

    async def query_refund(self, account: ChannelAccount, out_refund_no: str, *, out_no: str) -> RefundAnswer:
        """The refund as the channel sees it now, or `not_found`."""
        ...

    async def transfer(self, account: ChannelAccount, order: TransferOrder) -> TransferAnswer:
        """The channel has the transfer, or refused it (`failed`, `needs_action`)."""
        ...

    async def query_transfer(self, account: ChannelAccount, out_transfer_no: str) -> TransferAnswer:
        """The transfer as the channel sees it now, or `not_found`."""
        ...

    async def balance(self, account: ChannelAccount) -> BalanceAnswer:
        """What the channel holds for us in the account's currency."""
        ...

    def parse_callback(self, account: ChannelAccount, inbound: Inbound) -> Callback:
        """What the notification says, verified; no I/O. `CallbackRefused` when it proves nothing."""
        ...
