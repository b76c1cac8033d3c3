"""The intent of an attempt: which channel account, until when it may be sent, and what closes it."""

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from channels.base import Capabilities, ChannelAccount
from channels.registry import Channels
from domain.ids import new_out_no
from domain.money import Currency
from domain.orders import PaymentOrder
from store.channel_accounts import OpenedAccount

#: An intent older than this is not sent any more: the payer has long gone (law 4).
SEND_WITHIN = timedelta(seconds=60)


def channel_account(opened: OpenedAccount) -> ChannelAccount:
    """The account as its adapter takes it."""
    row = opened.row
    return ChannelAccount.model_validate(
        {
            "id": row.id,
            "channel": row.channel,
            "currency": Currency(row.currency),
            "config": row.config,
            "secrets": opened.secrets,
        }
    )


def first_attempt(
    channels: Channels, opened: OpenedAccount, order: PaymentOrder, payment: dict[str, Any]
) -> dict[str, Any]:
    """The columns of a payment's first attempt."""
    return attempt_row(channels, opened, payment, number=1, invoke=str(order.invoke))


def attempt_row(
    channels: Channels, opened: OpenedAccount, payment: dict[str, Any], *, number: int, invoke: str
) -> dict[str, Any]:
    """The columns of an attempt at this account; its number at the channel is made here, once, and kept by the row.

    `payment` has the columns that it shares, and `read_at`: when it was read, by the database's clock.
    """
    account = channel_account(opened)
    capabilities = channels.channel(account.channel).capabilities(account)
    return {
        "out_no": new_out_no(),
        "payment_id": payment["id"],
        "number": number,
        "channel": account.channel,
        "channel_account_id": account.id,
        "invoke": invoke,
        "amount_minor": payment["channel_minor"],
        "currency": payment["currency"],
        "expires_at": payment["expires_at"],
        **_limits(capabilities, payment["read_at"], datetime.fromisoformat(payment["expires_at"])),
    }


def _limits(capabilities: Capabilities, read_at: datetime, expires_at: datetime) -> dict[str, Any]:
    return {
        "close_proof": capabilities.close_proof,
        "close_margin_s": capabilities.close_margin_s,
        "call_timeout_s": ceil(capabilities.call_timeout_s),
        "send_before": min(read_at + SEND_WITHIN, expires_at).isoformat(),
    }
