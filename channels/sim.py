"""The `sim` channel: a third party for development and tests, spoken as `docs/sim-protocol.md` says."""

import asyncio
import secrets
from collections.abc import Mapping

import httpx

from channels.answers import BalanceAnswer, OrderAnswer, RefundAnswer, TransferAnswer
from channels.base import ChannelAccount, PayOrder, RefundOrder, TransferOrder
from channels.callbacks import Callback, Inbound
from channels.http import Now, send, utc_now
from channels.operations import Capabilities, Op
from channels.sim_account import SimContract, contract_of, read_contract
from channels.sim_answers import (
    Verified,
    is_refused_as_paid,
    parse_order,
    parse_pay,
    parse_refund,
    parse_refund_query,
    verified,
)
from channels.sim_callbacks import ACK_FAIL, parse_notice
from channels.sim_requests import (
    Stamp,
    Unsigned,
    build_balance,
    build_close,
    build_pay,
    build_query,
    build_refund,
    build_refund_query,
    build_transfer,
    build_transfer_query,
    signed,
)
from channels.sim_transfers import parse_balance, parse_transfer, parse_transfer_query

NONCE_BYTES = 18


class SimChannel:
    """Signed JSON over HTTP; pay, close, refund and transfer are idempotent by our number.

    Under another `name` it is a channel of its own to us: with accounts, task queues and workers of its own.
    """

    ack_fail = ACK_FAIL

    def __init__(self, client: httpx.AsyncClient, *, name: str = "sim", now: Now = utc_now) -> None:
        self.name = name
        self._client = client
        self._now = now

    def capabilities(self, account: ChannelAccount) -> Capabilities:
        """What the account can do; `Misconfigured` when its config is not valid."""
        return read_contract(account).capabilities(account.currency)

    def validate_account(self, config: Mapping[str, object], secrets: Mapping[str, str]) -> None:
        """Return when an account can be made of these; `Misconfigured` names everything missing or wrong."""
        contract_of(config, secrets)

    async def pay(self, account: ChannelAccount, order: PayOrder) -> OrderAnswer:
        """The channel has the order, or refused it. With `barcode` this call takes the money."""
        contract, capabilities = self._admit(account, Op.PAY)
        capabilities.require_invoke(order.invoke)
        capabilities.require_money(order.money)
        answer = await self._send(contract, build_pay(order), ends_at=_ends_at(contract))
        return parse_pay(order, answer)

    async def query(self, account: ChannelAccount, out_no: str) -> OrderAnswer:
        """The order as the channel sees it now, or `not_found`."""
        contract, _ = self._admit(account, Op.QUERY)
        return await self._query(contract, out_no, ends_at=_ends_at(contract))

    async def close(self, account: ChannelAccount, out_no: str) -> OrderAnswer:
        """The order is `closed`, or the answer says why not.

        A refusal because it is paid does not say how much, so the order is asked for within the same time.
        """
        contract, _ = self._admit(account, Op.CLOSE)
        ends_at = _ends_at(contract)
        answer = await self._send(contract, build_close(out_no), ends_at=ends_at)
        if is_refused_as_paid(answer):
            return await self._query(contract, out_no, ends_at=ends_at)
        return parse_order(out_no, answer)

    async def refund(self, account: ChannelAccount, order: RefundOrder) -> RefundAnswer:
        """The channel has the refund, or refused it."""
        contract, capabilities = self._admit(account, Op.REFUND)
        capabilities.require_currency(order.money.currency)
        answer = await self._send(contract, build_refund(order), ends_at=_ends_at(contract))
        return parse_refund(order, answer)

    async def query_refund(self, account: ChannelAccount, out_refund_no: str, *, out_no: str) -> RefundAnswer:
        """The refund as the channel sees it now, or `not_found`."""
        contract, _ = self._admit(account, Op.REFUND_QUERY)
        answer = await self._send(contract, build_refund_query(out_refund_no), ends_at=_ends_at(contract))
        return parse_refund_query(out_refund_no, out_no, answer=answer)

    async def transfer(self, account: ChannelAccount, order: TransferOrder) -> TransferAnswer:
        """The channel has the transfer, or refused it."""
        contract, capabilities = self._admit(account, Op.TRANSFER)
        capabilities.require_money(order.money)
        answer = await self._send(contract, build_transfer(order), ends_at=_ends_at(contract))
        return parse_transfer(order, answer)

    async def query_transfer(self, account: ChannelAccount, out_transfer_no: str) -> TransferAnswer:
        """The transfer as the channel sees it now, or `not_found`."""
        contract, _ = self._admit(account, Op.TRANSFER_QUERY)
        answer = await self._send(contract, build_transfer_query(out_transfer_no), ends_at=_ends_at(contract))
        return parse_transfer_query(out_transfer_no, answer)

    async def balance(self, account: ChannelAccount) -> BalanceAnswer:
        """What the channel holds for us in the account's currency."""
        contract, _ = self._admit(account, Op.BALANCE)
        answer = await self._send(contract, build_balance(account.currency), ends_at=_ends_at(contract))
        return parse_balance(account.currency, answer)

    def parse_callback(self, account: ChannelAccount, inbound: Inbound) -> Callback:
        """What the notification says, verified; `CallbackRefused` when it proves nothing."""
        return parse_notice(read_contract(account), inbound)

    def _admit(self, account: ChannelAccount, op: Op) -> tuple[SimContract, Capabilities]:
        contract = read_contract(account)
        capabilities = contract.capabilities(account.currency)
        capabilities.require(op)
        return contract, capabilities

    async def _query(self, contract: SimContract, out_no: str, *, ends_at: float) -> OrderAnswer:
        return parse_order(out_no, await self._send(contract, build_query(out_no), ends_at=ends_at))

    async def _send(self, contract: SimContract, unsigned: Unsigned, *, ends_at: float) -> Verified:
        stamp = Stamp(nonce=secrets.token_urlsafe(NONCE_BYTES), at=self._now(), ends_at=ends_at)
        call = signed(contract, unsigned, stamp)
        return verified(contract, call, await send(self._client, call, now=self._now))


def _ends_at(contract: SimContract) -> float:
    return asyncio.get_running_loop().time() + contract.config.call_timeout_s
