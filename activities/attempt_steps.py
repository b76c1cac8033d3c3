"""What is decided about an attempt without asking the channel: forbid, presume, apply a callback, begin another."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.answers import keep_answer, keep_verdict, lock, parse_stored_answer
from activities.attempts import attempt_row, channel_account
from activities.judgement import Standing, Verdict, watched
from channels.errors import Unsupported
from channels.registry import Channels
from domain.backoff import WATCH_FOR
from domain.commands import AttemptCommand, CallbackCommand, NextAttemptCommand, PaymentView
from domain.errors import ChannelNotConfigured, PaymentEnded, SwitchUnsafe
from domain.money import Currency, Money
from domain.states import AttemptState, CloseProof, PaymentState
from store import callbacks, payments
from store.channel_accounts import ChannelAccounts
from store.database import Database
from store.rules import require_tool


class AttemptSteps:
    """Local steps about attempts, each one transaction that a repeat finds done."""

    def __init__(self, database: Database, accounts: ChannelAccounts, channels: Channels) -> None:
        self._database = database
        self._accounts = accounts
        self._channels = channels

    @activity.defn(name="channel.forbid")
    async def forbid(self, command: AttemptCommand) -> PaymentView:
        """One transaction: an unsent intent is `never_sent`; a stalled send that wakes later sends nothing."""
        async with self._database.transaction("channel.forbid", command.out_no) as session:
            await payments.forbid_send(session, command.out_no)
            return await payments.require_view(session, command.payment_id)

    @activity.defn(name="channel.presume")
    async def presume(self, command: AttemptCommand) -> PaymentView:
        """One transaction: an open attempt is `presumed_closed`, and watched.

        Only when the channel itself answered, after the expiry that we sent plus the margin, that it is not paid;
        silence presumes nothing, and where `closed` can be had as a final answer, only "not found" does (law 5).
        """
        async with self._database.transaction("channel.presume", command.out_no) as session:
            standing = await lock(session, command.out_no)
            ends_at = standing.expires_at + timedelta(seconds=standing.close_margin_s)
            said = await payments.last_answer_since(session, command.out_no, ends_at)
            enough = said == "not_found" if standing.close_proof is CloseProof.FINAL else said is not None
            return await keep_verdict(session, standing, _presumption(standing) if enough else Verdict())

    @activity.defn(name="channel.callback")
    async def callback(self, command: CallbackCommand) -> PaymentView:
        """One transaction: a stored callback has its effect, once.

        A mismatch or a weak signature decides nothing: it makes the next question due at once (law 8).
        """
        async with self._database.transaction("channel.callback", command.payment_id) as session:
            stored = await callbacks.take(session, command.callback_id)
            if stored is None:
                return await payments.require_view(session, command.payment_id)
            if stored.is_proof:
                return await keep_answer(session, stored.out_no, parse_stored_answer(stored.answer))
            standing = await lock(session, stored.out_no)
            return await keep_verdict(session, standing, _question(standing, standing.read_at))

    @activity.defn(name="channel.switch")
    async def switch(self, command: NextAttemptCommand) -> PaymentView:
        """One transaction: another attempt's intent, unless an earlier one may still be paid (law 10).

        A second run finds that attempt.

        SwitchUnsafe, PaymentEnded, ToolNotAllowed, ChannelNotConfigured.
        """
        async with self._database.transaction("channel.switch", command.payment_id) as session:
            return await self._next(session, command)

    async def _next(self, session: AsyncSession, command: NextAttemptCommand) -> PaymentView:
        view = await payments.require_view(session, command.payment_id)
        newest = view.attempt
        if newest is not None and command.replaces not in {None, newest.out_no}:
            return view
        if newest is None or view.state not in {PaymentState.PENDING, PaymentState.AWAITING_PAYER}:
            raise PaymentEnded(f"the payment is {view.state}")
        standing = await lock(session, newest.out_no)
        if standing.attempt_state.open:
            await self._give_up(session, standing)
        row = await self._row(session, command, view, standing)
        await payments.add_attempt(session, row)
        opened = await self._accounts.get(row["channel_account_id"])
        columns = {
            "channel": row["channel"],
            "channel_account_id": row["channel_account_id"],
            "funds_holder": opened.row.funds_holder,
            "invoke": row["invoke"],
        }
        await payments.move(
            session, command.payment_id, origins=(view.state,), to=PaymentState.PENDING, columns=columns
        )
        return await payments.require_view(session, command.payment_id)

    async def _give_up(self, session: AsyncSession, standing: Standing) -> None:
        """Without proof only the merchant's own choice lets the payer go on, and never while the outcome is unknown."""
        waiting = standing.attempt_state is AttemptState.WAITING and standing.close_proof is not CloseProof.FINAL
        if not (waiting and await payments.switches_unproven(session, standing.merchant_id)):
            raise SwitchUnsafe(f"the attempt is {standing.attempt_state}")
        await keep_verdict(session, standing, _presumption(standing))

    async def _row(
        self, session: AsyncSession, command: NextAttemptCommand, view: PaymentView, standing: Standing
    ) -> dict[str, Any]:
        """The new attempt at the merchant's account of that channel, if it can do what is asked."""
        channel = command.switch.channel
        await require_tool(session, view.merchant_id, channel, purpose=view.purpose, currency=view.currency)
        account_id = await payments.channel_account_for(session, view, channel)
        if account_id is None:
            raise ChannelNotConfigured(f"no account at {channel}")
        opened = await self._accounts.get(account_id)
        account = channel_account(opened)
        capabilities = self._channels.channel(account.channel).capabilities(account)
        try:
            capabilities.require_invoke(command.switch.invoke)
            capabilities.require_money(Money(amount_minor=view.channel_minor, currency=Currency(view.currency)))
        except Unsupported as error:
            raise ChannelNotConfigured(str(error)) from error
        payment = {
            "id": view.payment_id,
            "channel_minor": view.channel_minor,
            "currency": view.currency,
            "expires_at": view.expires_at.isoformat(),
            "read_at": standing.read_at,
        }
        number = len(view.attempts) + 1
        return attempt_row(self._channels, opened, payment, number=number, invoke=command.switch.invoke)


def _question(standing: Standing, at: datetime) -> Verdict:
    """The channel is asked at once; an attempt that has ended is watched again, so that somebody asks (laws 8, 9)."""
    due: dict[str, Any] = {"next_check_at": at.isoformat()}
    if standing.attempt_state.received_money:
        return Verdict()
    if not standing.attempt_state.open:
        due["watch_until"] = max(standing.watch_until or at, at + WATCH_FOR).isoformat()
    return Verdict(due)


def _presumption(standing: Standing) -> Verdict:
    if not standing.attempt_state.open:
        return Verdict()
    return Verdict({"state": AttemptState.PRESUMED_CLOSED, **watched(standing, standing.read_at)})
