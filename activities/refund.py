"""Giving money back: the channel leg, intent first, and the posting after the channel's proof."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.answers import evidence_row
from activities.attempts import channel_account
from activities.heartbeat import heartbeats
from activities.judgement import ATTENTION_OWNER
from activities.sending import callback_url
from activities.unapplied import refund_hold_key
from channels.answers import RefundAnswer, RefundAnswerState
from channels.base import Channel, ChannelAccount, Op, RefundOrder
from channels.errors import ChannelError, NotExecuted
from channels.evidence import Evidence
from channels.registry import Channels
from domain.backoff import live_check_after
from domain.money import Currency, Money
from domain.outgoing import RefundCommand, RefundView
from domain.states import LegState, RefundOrigin, RefundState
from ledger import book, steps
from ledger.legs import StepKey
from store import payments, refunds
from store.channel_accounts import ChannelAccounts
from store.database import Database


class RefundSteps:
    """The steps of one refund; `public_url` is where callbacks reach us."""

    def __init__(self, database: Database, accounts: ChannelAccounts, channels: Channels, public_url: str) -> None:
        self._database = database
        self._accounts = accounts
        self._channels = channels
        self._public_url = public_url

    @activity.defn(name="refund.open")
    async def open(self, command: RefundCommand) -> RefundView:
        """The refund as its row says; nothing is written."""
        async with self._database.reading() as session:
            return await refunds.view(session, command.refund_id)

    @activity.defn(name="channel.refund")
    async def refund(self, command: RefundCommand) -> RefundView:
        """INTENT → SENT, the call, the answer with its evidence.

        A second run sends again only where the channel makes our number idempotent; otherwise it asks.
        """
        async with self._database.transaction("refund.sent", command.refund_id) as session:
            sent = await refunds.begin_send(session, command.refund_id)
        channel, account = await self._channel(sent["refund"]["channel_account_id"])
        if sent["found"] != LegState.INTENT and Op.REFUND not in channel.capabilities(account).idempotent_ops:
            return await self.query(command)
        try:
            await self._database.reach("channel.refund.call:before", command.refund_id)
            async with heartbeats():
                answer = await channel.refund(account, self._order(sent))
            await self._database.reach("channel.refund.call:after", command.refund_id)
        except NotExecuted as error:
            raise ApplicationError("the channel was not reached", type=error.code) from error
        except ChannelError as error:
            return await self._keep(command, None, error.evidence)
        return await self._keep(command, _trusted(answer, first=sent["found"] == LegState.INTENT), answer.evidence)

    @activity.defn(name="channel.refund_query")
    async def query(self, command: RefundCommand) -> RefundView:
        """The channel's word on the refund is kept; silence keeps it unknown."""
        async with self._database.reading() as session:
            row = await refunds.lock(session, command.refund_id)
        channel, account = await self._channel(row["channel_account_id"])
        try:
            async with heartbeats():
                answer = await channel.query_refund(account, row["out_refund_no"], out_no=row["out_no"])
        except ChannelError as error:
            return await self._keep(command, None, error.evidence)
        return await self._keep(command, answer, answer.evidence)

    @activity.defn(name="refund.confirm")
    async def confirm(self, command: RefundCommand) -> RefundView:
        """One transaction: the posting, the attempt `returned`, the refund `succeeded` and the merchant's one event."""
        async with self._database.transaction("refund.confirm", command.refund_id) as session:
            row = await refunds.lock(session, command.refund_id)
            if row["state"] == RefundState.SUCCEEDED:
                return await refunds.view(session, command.refund_id)
            await _post(session, row)
            await payments.record(session, row["out_no"], attempt={"state": "returned"}, evidence=None, move=None)
            return await refunds.record(
                session,
                command.refund_id,
                columns={"state": RefundState.SUCCEEDED, "certainty": "sure", "next_check_at": None},
                event="late_payment.refunded",
            )

    @activity.defn(name="refund.fail")
    async def fail(self, command: RefundCommand) -> RefundView:
        """One transaction: the channel's proof ends the refund; the money stays where it is, a person owns it."""
        async with self._database.transaction("refund.fail", command.refund_id) as session:
            row = await refunds.lock(session, command.refund_id)
            if row["state"] == RefundState.FAILED:
                return await refunds.view(session, command.refund_id)
            if row["origin"] != RefundOrigin.MISMATCH:
                await book.release(session, refund_hold_key(command.refund_id))
            columns = {"state": RefundState.FAILED, "certainty": "sure", "next_check_at": None}
            return await refunds.record(
                session, command.refund_id, columns=columns | _attention("refund_failed"), event="refund.failed"
            )

    async def _keep(self, command: RefundCommand, answer: RefundAnswer | None, evidence: Evidence | None) -> RefundView:
        async with self._database.transaction("refund.known", command.refund_id) as session:
            row = await refunds.lock(session, command.refund_id)
            if RefundState(row["state"]).terminal or row["leg_state"] in {LegState.KNOWN_OK, LegState.KNOWN_FAIL}:
                return await refunds.view(session, command.refund_id)
            columns = judge_refund(row, answer, datetime.now(UTC))
            state = "unknown" if answer is None else str(answer.state)
            proof = None if evidence is None else evidence_row(evidence, state)
            return await refunds.record(session, command.refund_id, columns=columns, evidence=proof)

    def _order(self, sent: dict[str, Any]) -> RefundOrder:
        row = sent["refund"]
        currency = Currency(row["currency"])
        return RefundOrder(
            out_refund_no=row["out_refund_no"],
            out_no=row["out_no"],
            channel_no=sent["channel_no"],
            money=Money(amount_minor=row["amount_minor"], currency=currency),
            total=Money(amount_minor=sent["total_minor"], currency=currency),
            reason=row["reason"],
            notify_url=callback_url(self._public_url, row["channel"], row["channel_account_id"]),
        )

    async def _channel(self, account_id: str) -> tuple[Channel, ChannelAccount]:
        account = channel_account(await self._accounts.get(account_id))
        return self._channels.channel(account.channel), account


def _trusted(answer: RefundAnswer, *, first: bool) -> RefundAnswer | None:
    """A refusal of a second send says nothing of the first: then we ask."""
    return None if answer.state is RefundAnswerState.FAILED and not first else answer


def judge_refund(row: dict[str, Any], answer: RefundAnswer | None, at: datetime) -> dict[str, Any]:
    """The columns of a refund that the channel's answer changes; None stands for an unknown outcome (law 5)."""
    next_check_at = (at + live_check_after(row["out_refund_no"], row["checks"])).isoformat()
    asked = {"checked": 1, "next_check_at": next_check_at}
    match None if answer is None else answer.state:
        case RefundAnswerState.SUCCEEDED if answer is not None:
            happened_at = (answer.succeeded_at or at).isoformat()
            known = {"leg_state": LegState.KNOWN_OK, "certainty": "sure", "succeeded_at": happened_at, "checked": 1}
            return known | _named(answer)
        case RefundAnswerState.FAILED if answer is not None:
            failed = {"leg_state": LegState.KNOWN_FAIL, "certainty": "sure", "failure_code": answer.code, "checked": 1}
            return failed | _named(answer)
        case RefundAnswerState.PROCESSING if answer is not None:
            return {"state": RefundState.PROCESSING, "certainty": "waiting", **asked, **_named(answer)}
        case RefundAnswerState.NEEDS_ACTION:
            # The same number may be sent again once a person has removed the cause.
            again = {"state": RefundState.NEEDS_ACTION, "leg_state": LegState.INTENT, "certainty": "sure"}
            return again | asked | _attention("channel_balance")
        case _:
            return {"leg_state": LegState.UNKNOWN, "certainty": "unknown", **asked, **_late_attention(row, at)}


def _late_attention(row: dict[str, Any], at: datetime) -> dict[str, Any]:
    since = row["sent_at"] or at
    late = at - since >= timedelta(seconds=row["attention_after_s"])
    return _attention("channel_unknown") if late and not row["needs_attention"] else {}


def _attention(reason: str) -> dict[str, Any]:
    return {"needs_attention": True, "attention_reason": reason, "attention_owner": ATTENTION_OWNER}


def _named(answer: RefundAnswer) -> dict[str, Any]:
    return {} if answer.channel_refund_no is None else {"channel_refund_no": answer.channel_refund_no}


async def _post(session: AsyncSession, row: dict[str, Any]) -> None:
    """Out of `unapplied` (by its hold) or `suspense`, back to the channel's clearing."""
    mismatch = row["origin"] == RefundOrigin.MISMATCH
    step = steps.REFUND_SUSPENSE if mismatch else steps.REFUND_UNAPPLIED
    parties = steps.Parties(
        currency=Currency(row["currency"]),
        object_id=row["id"],
        merchant_id=row["merchant_id"],
        channel_account_id=row["channel_account_id"],
        holds={steps.Role.UNAPPLIED: refund_hold_key(row["id"])},
    )
    request = book.PostRequest(
        merchant_id=row["merchant_id"],
        event_at=row["succeeded_at"] or datetime.now(UTC),
        legs=steps.legs(step, {"refund_minor": row["amount_minor"]}, parties),
        memo=row["reason"],
    )
    await book.post(session, StepKey(biz_type="refund", biz_id=row["id"], step=step.name), request)
    if mismatch:
        await refunds.end_suspense_item(session, RefundOrigin.MISMATCH, row["out_no"])
