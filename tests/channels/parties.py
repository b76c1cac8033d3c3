"""A merchant's account at a channel, and the outside world that a contract test steers; one party per adapter."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from channels.base import ChannelAccount, PayOrder, RefundOrder, TransferOrder
from domain.ids import new_out_no
from domain.money import Currency, Money
from domain.states import Invoke
from tests.simulator.outside import SimulatorProcess

PAID_AUTH_CODE = "28pay0001"


def key_text(key: Ed25519PrivateKey) -> str:
    """The private key as the protocol writes it."""
    return base64.b64encode(key.private_bytes_raw()).decode()


def public_key_text(key: Ed25519PrivateKey) -> str:
    """The public key as the protocol writes it."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def yuan(amount_minor: int) -> Money:
    """Money in CNY."""
    return Money(amount_minor=amount_minor, currency=Currency.CNY)


def an_order(**changes: Any) -> PayOrder:  # noqa: ANN401 - any field of the order
    """100.00 CNY by QR code."""
    fields = {
        "out_no": new_out_no(),
        "money": yuan(10_000),
        "subject": "tea",
        "invoke": Invoke.QR,
        "expires_at": datetime.now(UTC) + timedelta(minutes=15),
        "notify_url": "http://127.0.0.1:9/callbacks",
    }
    return PayOrder.model_validate(fields | changes)


def a_refund(out_no: str, amount_minor: int, **changes: Any) -> RefundOrder:  # noqa: ANN401 - any field of it
    """Some of 100.00 CNY given back."""
    fields = {
        "out_refund_no": new_out_no(),
        "out_no": out_no,
        "channel_no": None,
        "money": yuan(amount_minor),
        "total": yuan(10_000),
        "reason": "returned",
    }
    return RefundOrder.model_validate(fields | changes)


def a_transfer(amount_minor: int, **changes: Any) -> TransferOrder:  # noqa: ANN401 - any field of it
    """Some of our money sent to a payee."""
    fields = {"out_transfer_no": new_out_no(), "money": yuan(amount_minor), "account": "payee@example.com"}
    return TransferOrder.model_validate(fields | changes)


def an_account(key: Ed25519PrivateKey, channel_public_key: str, **config: str | float) -> ChannelAccount:
    """An account at the sim channel."""
    return ChannelAccount.model_validate(
        {
            "id": "cha_1",
            "channel": "sim",
            "currency": "CNY",
            "config": {"app_id": "app_test", "base_url": "http://127.0.0.1:9/sim", "call_timeout_s": 2.0} | config,
            "secrets": {"private_key": key_text(key), "channel_public_key": channel_public_key},
        }
    )


@dataclass
class SimParty:
    """A merchant registered at the simulator under a new `app_id`."""

    simulator: SimulatorProcess
    account: ChannelAccount
    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    async def register(cls, simulator: SimulatorProcess) -> "SimParty":
        """Exchange keys with the channel."""
        key, app_id = Ed25519PrivateKey.generate(), f"app_{secrets.token_hex(6)}"
        told = await simulator.call("apps", app_id=app_id, public_key=public_key_text(key))
        base_url = f"{simulator.url}/sim"
        return cls(simulator, an_account(key, told["channel_public_key"], app_id=app_id, base_url=base_url), key)

    def with_config(self, **config: str | float | bool) -> ChannelAccount:
        """The account with other settings."""
        return self.account.model_copy(update={"config": self.account.config | config})

    async def payer_pays(self, out_no: str, **how: object) -> None:
        """The money arrives at the channel."""
        await self.simulator.call("pay", out_no=out_no, **how)

    async def payer_is_declined(self, out_no: str) -> None:
        """The payer's bank says no for good."""
        await self.simulator.call("fail", out_no=out_no, code="NO_MONEY")

    async def has_balance(self, amount_minor: int) -> None:
        """So much more of our money is at the channel."""
        paid_in = {"app_id": self.account.config["app_id"], "currency": "CNY", "amount_minor": -amount_minor}
        await self.simulator.call("withdraw", **paid_in)

    async def fault(self, op: str, what: str, out_no: str | None, **more: float) -> None:
        """The next such call misbehaves."""
        order = {} if out_no is None else {"out_no": out_no}
        await self.simulator.call("fault", op=op, do=what, times=1, **order, **more)

    async def orders(self, out_no: str) -> list[dict[str, Any]]:
        """The channel's own book of this number."""
        book = await self.simulator.read("book")
        return [order for order in book["orders"] if order["out_no"] == out_no]

    async def refunds(self, out_refund_no: str) -> list[dict[str, Any]]:
        """The channel's own book of this refund."""
        book = await self.simulator.read("book")
        return [refund for refund in book["refunds"] if refund["refund_no"] == out_refund_no]

    async def transfers(self, out_transfer_no: str) -> list[dict[str, Any]]:
        """The channel's own book of this transfer."""
        book = await self.simulator.read("book")
        return [transfer for transfer in book["transfers"] if transfer["out_no"] == out_transfer_no]
