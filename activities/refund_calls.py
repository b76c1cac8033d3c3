"""The channel leg of a refund, intent first: one call between two short transactions (law 4)."""

import time
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.answers import evidence_row
from activities.attempts import channel_account
from activities.heartbeat import heartbeats
from activities.refund_bounce import keep_watched
from activities.refund_judgement import CONTRADICTION, Heard, attention, contradicts, judge_refund
from activities.sending import callback_url, require_fresh
from channels.answers import RefundAnswer
from channels.base import Channel, ChannelAccount, Op, RefundOrder
from channels.errors import ChannelError, NotExecuted
from channels.registry import Channels
from domain.money import Currency, Money
from domain.outgoing import RefundCommand, RefundView
from domain.states import LegState, RefundState
from store import callbacks, refunds
from store.channel_accounts import ChannelAccounts
from store.database import Database

_PROVEN = frozenset({LegState.KNOWN_OK, LegState.KNOWN_FAIL, LegState.NONE})


class RefundCalls:
    """Sends a refund and asks about it; `public_url` is where callbacks reach us."""

    def __init__(self, database: Database, accounts: ChannelAccounts, channels: Channels, public_url: str) -> None:
        self._database = database
        self._accounts = accounts
        self._channels = channels
        self._public_url = public_url

    @activity.defn(name="channel.refund")
    async def refund(self, command: RefundCommand) -> RefundView:
        """INTENT → SENT, the call, the answer with its evidence; nothing where it may not be sent (now).

        A second run sends again only where the channel makes our number idempotent; otherwise it asks.
        """
        async with heartbeats():
            return await self._refund(command)

    @activity.defn(name="channel.refund_query")
    async def query(self, command: RefundCommand) -> RefundView:
        """The channel's word on the refund is kept; silence keeps it unknown, and leaves one that succeeded alone."""
        async with heartbeats():
            return await self._query(command)

    async def _refund(self, command: RefundCommand) -> RefundView:
        row, begun_at_s = await self._read(command), time.monotonic()
        channel, account = await self._channel(row["channel_account_id"])
        capabilities = channel.capabilities(account)
        async with self._database.transaction("refund.sent", command.refund_id) as session:
            sent = await refunds.begin_send(
                session, command.refund_id, one_at_a_time=capabilities.refunds_one_at_a_time
            )
            if not sent["may_send"]:
                return await refunds.view(session, command.refund_id)
        first = sent["found"] == LegState.INTENT
        if not first and Op.REFUND not in capabilities.idempotent_ops:
            return await self._query(command)
        try:
            answer = await self._send(channel, account, sent, begun_at_s=begun_at_s)
        except NotExecuted as error:
            raise await self._not_executed(command, error, first=first) from error
        except ChannelError as error:
            return await self._keep(command, Heard(None, error.evidence, sent=True), capabilities.return_window)
        heard = Heard(answer, answer.evidence, sent=True, asked_at=row["read_at"])
        return await self._keep(command, heard, capabilities.return_window)

    async def _query(self, command: RefundCommand) -> RefundView:
        row = await self._read(command)
        channel, account = await self._channel(row["channel_account_id"])
        window = channel.capabilities(account).return_window
        try:
            await self._database.reach("channel.refund_query.call:before", command.refund_id)
            answer = await channel.query_refund(account, row["out_refund_no"], out_no=row["out_no"])
            await self._database.reach("channel.refund_query.call:after", command.refund_id)
        except ChannelError as error:
            return await self._keep(command, Heard(None, error.evidence), window)
        return await self._keep(command, Heard(answer, answer.evidence, asked_at=row["read_at"]), window)

    async def _send(
        self, channel: Channel, account: ChannelAccount, sent: dict[str, Any], *, begun_at_s: float
    ) -> RefundAnswer:
        refund_id = sent["refund"]["id"]
        await self._database.reach("channel.refund.call:before", refund_id)
        require_fresh(begun_at_s)
        answer = await channel.refund(account, self._order(sent))
        await self._database.reach("channel.refund.call:after", refund_id)
        return answer

    async def _not_executed(self, command: RefundCommand, error: NotExecuted, *, first: bool) -> ApplicationError:
        """Nothing was done: the engine tries again, and the intent stands again if no earlier call can have arrived."""
        if first:
            async with self._database.transaction("refund.unsend", command.refund_id) as session:
                await refunds.undo_send(session, command.refund_id)
        return ApplicationError("the channel was not reached", type=error.code)

    async def _keep(self, command: RefundCommand, heard: Heard, window: timedelta) -> RefundView:
        async with self._database.transaction("refund.known", command.refund_id) as session:
            row = await refunds.lock(session, command.refund_id)
            if heard.asked_at is not None:
                await callbacks.settle(session, "refund", row["out_refund_no"], asked_at=heard.asked_at)
            state = "unknown" if heard.answer is None else str(heard.answer.state)
            proof = None if heard.evidence is None else evidence_row(heard.evidence, state)
            if row["state"] == RefundState.SUCCEEDED:
                return await keep_watched(session, row, heard.answer, proof)
            if contradicts(row, heard):
                columns = attention(CONTRADICTION)
                return await refunds.record(session, command.refund_id, columns=columns, evidence=proof)
            if RefundState(row["state"]).terminal or row["leg_state"] in _PROVEN:
                return await refunds.view(session, command.refund_id)
            columns = judge_refund(row, heard, row["read_at"], window=window)
            return await refunds.record(session, command.refund_id, columns=columns, evidence=proof)

    async def _read(self, command: RefundCommand) -> dict[str, Any]:
        async with self._database.reading() as session:
            return await refunds.read(session, command.refund_id)

    def _order(self, sent: dict[str, Any]) -> RefundOrder:
        row = sent["refund"]
        currency = Currency(row["currency"])
        return RefundOrder(
            out_refund_no=row["out_refund_no"],
            out_no=row["out_no"],
            channel_no=sent["channel_no"],
            money=Money(amount_minor=row["channel_minor"], currency=currency),
            total=Money(amount_minor=sent["total_minor"], currency=currency),
            reason=row["reason"],
            notify_url=callback_url(self._public_url, row["channel"], row["channel_account_id"]),
        )

    async def _channel(self, account_id: str) -> tuple[Channel, ChannelAccount]:
        account = channel_account(await self._accounts.get(account_id))
        return self._channels.channel(account.channel), account
