"""Paying out: the try, the channel leg intent first, and the posting after the channel's proof."""

import time
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.answers import evidence_row
from activities.attempts import channel_account
from activities.heartbeat import heartbeats
from activities.payout_judgement import (
    CONTRADICTS,
    Heard,
    attention,
    came_back,
    contradicts,
    judge_refused,
    judge_sending,
    judge_watched,
    require_refused,
    trusted,
)
from activities.payout_posting import give_back, post_paid, post_returned
from activities.payout_try import open_payout
from activities.sending import callback_url, require_fresh
from channels.answers import TransferAnswer
from channels.base import Channel, ChannelAccount, Op, TransferOrder
from channels.errors import ChannelError, NotExecuted
from channels.registry import Channels
from domain.backoff import watch_check_after
from domain.errors import ApprovalExpired, ApprovalRejected, BusinessError, ItemEnded
from domain.money import Currency, Money
from domain.outgoing import ApprovalCommand, PayoutCommand, PayoutView
from domain.states import Approval, LegState, PayoutState
from store import callbacks, payouts
from store.channel_accounts import ChannelAccounts
from store.database import Database

Row = dict[str, Any]

_REFUSED_BY_HAND: dict[Approval, type[BusinessError]] = {
    Approval.REJECTED: ApprovalRejected,
    Approval.EXPIRED: ApprovalExpired,
}


class PayoutSteps:
    """The steps of one payout; `public_url` is where callbacks reach us."""

    def __init__(self, database: Database, accounts: ChannelAccounts, channels: Channels, public_url: str) -> None:
        self._database = database
        self._accounts = accounts
        self._channels = channels
        self._public_url = public_url

    @activity.defn(name="payout.open")
    async def open(self, command: PayoutCommand) -> PayoutView:
        """One transaction: limits counted, money held, row written; or a refusal, and nothing of it.

        A second run reads what the first wrote, also what that commits meanwhile.
        """
        async with self._database.transaction("payout.open", command.payout_id) as session:
            found = await payouts.find(session, command.payout_id)
            return found or await self._open(session, command)

    @activity.defn(name="payout.decide")
    async def decide(self, command: ApprovalCommand) -> PayoutView:
        """One transaction: the first decision stands, this one or an earlier; one that comes too late has expired."""
        async with self._database.transaction("payout.decide", command.object_id) as session:
            row = await payouts.lock(session, command.object_id)
            if row["approval"] != Approval.AWAITED:
                return await payouts.view(session, command.object_id)
            return await payouts.record(session, command.object_id, columns=_decided(row, command))

    @activity.defn(name="channel.transfer")
    async def transfer(self, command: PayoutCommand) -> PayoutView:
        """INTENT → SENT, the call, the answer with its evidence.

        Nothing is sent that has ended or is not approved. A second run sends again only where the channel makes our
        number idempotent; otherwise it asks.
        """
        async with heartbeats():
            return await self._transfer(command)

    @activity.defn(name="channel.transfer_query")
    async def query(self, command: PayoutCommand) -> PayoutView:
        """The channel's word on the payout is kept, also on one that it has paid; silence changes no state."""
        async with heartbeats():
            return await self._query(command)

    @activity.defn(name="payout.confirm")
    async def confirm(self, command: PayoutCommand) -> PayoutView:
        """One transaction: the postings, the payout `succeeded` and watched, and the merchant's one event."""
        async with self._database.transaction("payout.confirm", command.payout_id) as session:
            row = await payouts.lock(session, command.payout_id)
            if PayoutState(row["state"]).terminal:
                return await payouts.view(session, command.payout_id)
            await post_paid(session, row)
            columns = await self._watched(row)
            return await payouts.record(session, command.payout_id, columns=columns, event="payout.succeeded")

    @activity.defn(name="payout.fail")
    async def fail(self, command: PayoutCommand) -> PayoutView:
        """One transaction: what the try took is given back, and the payout ends as the channel or a person said.

        RuntimeError when neither has: then nothing is given back.
        """
        async with self._database.transaction("payout.fail", command.payout_id) as session:
            row = await payouts.lock(session, command.payout_id)
            if PayoutState(row["state"]).terminal:
                return await payouts.view(session, command.payout_id)
            require_refused(row)
            await give_back(session, row)
            return await payouts.record(session, command.payout_id, columns=judge_refused(row), event="payout.failed")

    async def _open(self, session: AsyncSession, command: PayoutCommand) -> PayoutView:
        try:
            return await open_payout(session, command)
        except ItemEnded:
            # This very payout may have begun to end the item: its first run committed after our first look.
            found = await payouts.find(session, command.payout_id)
            if found is None:
                raise
            return found

    async def _transfer(self, command: PayoutCommand) -> PayoutView:
        row, begun_at_s = await self._read(command), time.monotonic()
        channel, account = await self._channel(row["channel_account_id"])
        async with self._database.transaction("payout.sent", command.payout_id) as session:
            sent = await payouts.begin_send(session, command.payout_id)
            if not sent["may_send"]:
                return await payouts.view(session, command.payout_id)
        first = sent["found"] == LegState.INTENT
        if not first and Op.TRANSFER not in channel.capabilities(account).idempotent_ops:
            return await self._query(command)
        try:
            await self._database.reach("channel.transfer.call:before", command.payout_id)
            require_fresh(begun_at_s)
            answer = await channel.transfer(account, self._order(sent["payout"]))
            await self._database.reach("channel.transfer.call:after", command.payout_id)
        except NotExecuted as error:
            if first:
                await self._unsend(command)
            raise ApplicationError("the channel was not reached", type=error.code) from error
        except ChannelError as error:
            return await self._keep(command, Heard(None, error.evidence, sent=True))
        return await self._keep(command, Heard(answer, answer.evidence, sent=True, asked_at=row["read_at"]))

    async def _query(self, command: PayoutCommand) -> PayoutView:
        row = await self._read(command)
        channel, account = await self._channel(row["channel_account_id"])
        try:
            await self._database.reach("channel.transfer_query.call:before", command.payout_id)
            answer = await channel.query_transfer(account, row["out_no"])
            await self._database.reach("channel.transfer_query.call:after", command.payout_id)
        except ChannelError as error:
            return await self._keep(command, Heard(None, error.evidence))
        return await self._keep(command, Heard(answer, answer.evidence, asked_at=row["read_at"]))

    async def _read(self, command: PayoutCommand) -> Row:
        async with self._database.reading() as session:
            return await payouts.read(session, command.payout_id)

    async def _unsend(self, command: PayoutCommand) -> None:
        """One transaction: if this was the only call, it changed nothing, and the next is the first again."""
        async with self._database.transaction("payout.unsent", command.payout_id) as session:
            row = await payouts.lock(session, command.payout_id)
            if row["leg_state"] == LegState.SENT and row["sends"] == 1:
                columns = {"leg_state": LegState.INTENT, "sends": 0}
                await payouts.record(session, command.payout_id, columns=columns)

    async def _keep(self, command: PayoutCommand, heard: Heard) -> PayoutView:
        """One transaction: what was learnt has its effect, once, as have callbacks that came before the question."""
        async with self._database.transaction("payout.known", command.payout_id) as session:
            row = await payouts.lock(session, command.payout_id)
            columns, event = await self._effect(session, row, heard)
            if heard.asked_at is not None:
                await callbacks.settle(session, "transfer", row["out_no"], asked_at=heard.asked_at)
            if not columns:
                return await payouts.view(session, command.payout_id)
            proof = None if heard.evidence is None else evidence_row(heard.evidence, _word(heard.answer))
            return await payouts.record(session, command.payout_id, columns=columns, evidence=proof, event=event)

    async def _effect(self, session: AsyncSession, row: Row, heard: Heard) -> tuple[Row, str | None]:
        """The columns that change, and the event that tells of it."""
        now, answer = row["read_at"], trusted(row, heard)
        if came_back(row, answer) and answer is not None:
            returned_at = answer.returned_at or now
            await post_returned(session, row, returned_at)
            ended = {"state": PayoutState.RETURNED, "watch_until": None, "next_check_at": None}
            return {**ended, "returned_at": returned_at.isoformat(), "checked": 1}, "payout.returned"
        if row["state"] == PayoutState.SUCCEEDED:
            return judge_watched(row, answer, now), None
        if contradicts(row, answer):
            return attention(CONTRADICTS), None
        if PayoutState(row["state"]).terminal or row["leg_state"] in {LegState.KNOWN_OK, LegState.KNOWN_FAIL}:
            return {}, None
        channel, account = await self._channel(row["channel_account_id"])
        first_query_after_s = channel.capabilities(account).transfer_first_query_after_s
        return judge_sending(row, heard, now, first_query_after_s=first_query_after_s), None

    async def _watched(self, row: Row) -> Row:
        """Succeeded; asked about until the channel can no longer send it back."""
        channel, account = await self._channel(row["channel_account_id"])
        watch_until = (row["succeeded_at"] or row["read_at"]) + channel.capabilities(account).return_window
        next_check_at = min(row["read_at"] + watch_check_after(row["out_no"], 0), watch_until)
        return {
            "state": PayoutState.SUCCEEDED,
            "certainty": "sure",
            "checks": 0,
            "watch_until": watch_until.isoformat(),
            "next_check_at": next_check_at.isoformat(),
            "needs_attention": False,
        }

    def _order(self, row: Row) -> TransferOrder:
        net_minor = row["amount_minor"] - row["fee_minor"]
        return TransferOrder(
            out_transfer_no=row["out_no"],
            money=Money(amount_minor=net_minor, currency=Currency(row["currency"])),
            account=row["destination"]["account"],
            name=row["destination"]["name"],
            memo=row["memo"],
            notify_url=callback_url(self._public_url, row["channel"], row["channel_account_id"]),
        )

    async def _channel(self, account_id: str) -> tuple[Channel, ChannelAccount]:
        account = channel_account(await self._accounts.get(account_id))
        return self._channels.channel(account.channel), account


def _word(answer: TransferAnswer | None) -> str:
    return "unknown" if answer is None else str(answer.state)


def _decided(row: Row, command: ApprovalCommand) -> Row:
    now = row["read_at"]
    decision = Approval.EXPIRED if now >= row["approval_expires_at"] else command.decision
    decided = {"approval": decision, "decided_at": now.isoformat(), "approval_reason": command.reason}
    if refused := _REFUSED_BY_HAND.get(decision):
        return {**decided, "failure_code": refused.code, "failure_detail": refused.title}
    return {**decided, "state": PayoutState.PENDING}
