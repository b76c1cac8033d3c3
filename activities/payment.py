"""The payment's own rows: open, refuse, pivot, close, finish, flag; each one transaction that a repeat finds done."""

from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.attempts import first_attempt
from activities.judgement import ATTENTION_OWNER, BEFORE_PIVOT, OPEN_TO_PAYER
from activities.local_branches import LocalBranches
from activities.opening import line_row, opening_row
from channels.registry import Channels
from domain.commands import CloseCommand, PaymentView, RefusalCommand, StepCommand
from domain.errors import BusinessError, NotFound
from domain.orders import PaymentOrder
from domain.states import PaymentState
from store import payments
from store.channel_accounts import ChannelAccounts
from store.database import Database

#: Another payment had the stock or the wallet for too long: a lock or statement timeout, a deadlock.
IN_USE = frozenset({"55P03", "57014", "40P01"})
RUNNING = tuple(state for state in PaymentState if not state.terminal)

_log = structlog.get_logger("steps")


class PaymentSteps:
    """The steps that belong to no participant."""

    def __init__(
        self, database: Database, accounts: ChannelAccounts, channels: Channels, branches: LocalBranches
    ) -> None:
        self._database = database
        self._branches = branches
        self._accounts = accounts
        self._channels = channels

    @activity.defn(name="payment.open")
    async def open(self, command: StepCommand) -> PaymentView:
        """One transaction: the payment, its lines and its intent exist, made from the request that the API kept.

        A second run reads what the first wrote. Amounts are recomputed, the fee rule is snapshotted, the day's limits
        are counted; a refusal here is kept on the payment, which then only has its undo before it.

        The same transaction holds stock and balance part. Where that is refused, or has to wait for another payment,
        the payment opens without, and the participants' own step is next; so does a payment that was counted in a
        limit, because the merchant's others wait for the counter while this transaction lasts.
        """
        try:
            async with self._database.transaction("payment.open", command.payment_id) as session:
                opening = await payments.begin_open(session, command.payment_id, holds=True)
                view = await self._opened(session, command.payment_id, opening)
                counted = opening.view is None and opening.ruled
                return view if counted else await self._branches.hold(session, view)
        except BusinessError as refusal:
            _log.info("opened_without_holds", reason=refusal.code)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in IN_USE:
                raise
            _log.info("opened_without_holds", reason="in_use")
        async with self._database.transaction("payment.open", command.payment_id) as session:
            opening = await payments.begin_open(session, command.payment_id, holds=False)
            return await self._opened(session, command.payment_id, opening)

    async def _opened(self, session: AsyncSession, payment_id: str, opening: payments.Opening) -> PaymentView:
        if opening.view is not None:
            return opening.view
        if opening.request is None:
            raise NotFound(f"no request was kept for {payment_id}")
        return await self._insert(session, payment_id, opening.request)

    async def _insert(self, session: AsyncSession, payment_id: str, request: dict[str, Any]) -> PaymentView:
        order = PaymentOrder.model_validate(request["body"])
        payment = await opening_row(session, payment_id, order, request)
        attempt = None
        if order.channel_minor and "failure_code" not in payment:
            account = await self._accounts.get(order.channel_account_id or "")
            attempt = first_attempt(self._channels, account, order, payment | {"read_at": request["read_at"]})
        lines = [line_row(payment_id, number, order) for number in range(len(order.lines))]
        return await payments.insert(session, payment, lines, attempt)

    @activity.defn(name="payment.refuse")
    async def refuse(self, command: RefusalCommand) -> PaymentView:
        """One transaction: the refusal's code and detail stand on the payment, the state is unchanged."""
        columns = {"failure_code": command.code, "failure_detail": command.detail}
        return await self._move_within("payment.refuse", command.payment_id, BEFORE_PIVOT, columns)

    @activity.defn(name="payment.flag")
    async def flag(self, command: RefusalCommand) -> PaymentView:
        """One transaction: the payment needs attention, and operations owns it."""
        columns = {"needs_attention": True, "attention_reason": command.detail, "attention_owner": ATTENTION_OWNER}
        return await self._move_within("payment.flag", command.payment_id, RUNNING, columns)

    @activity.defn(name="payment.pivot")
    async def pivot(self, command: StepCommand) -> PaymentView:
        """One transaction: every try stands, the payment is `confirming`; from here there is only forward."""
        async with self._database.transaction("payment.pivot", command.payment_id) as session:
            return await payments.pivot(session, command.payment_id, origins=BEFORE_PIVOT)

    @activity.defn(name="payment.close")
    async def close(self, command: CloseCommand) -> PaymentView:
        """One transaction: the payment is `closing`, unless it is paid by now."""
        async with self._database.transaction("payment.close", command.payment_id) as session:
            return await payments.move(
                session,
                command.payment_id,
                origins=OPEN_TO_PAYER,
                to=PaymentState.CLOSING,
                columns={"close_reason": command.reason},
            )

    @activity.defn(name="payment.finish")
    async def finish(self, command: StepCommand) -> PaymentView:
        """One transaction: the terminal row and its event; `closed` after closing, `failed` after a refusal."""
        async with self._database.transaction("payment.finish", command.payment_id) as session:
            view = await payments.require_view(session, command.payment_id)
            closing = view.state is PaymentState.CLOSING
            end = PaymentState.CLOSED if closing else PaymentState.FAILED
            columns = {"certainty": "sure", "next_check_at": None}
            if closing:
                columns |= {"failure_code": None, "failure_detail": None}
            return await payments.move(
                session, command.payment_id, origins=BEFORE_PIVOT, to=end, columns=columns, event=end
            )

    async def _move_within(
        self, name: str, payment_id: str, origins: tuple[PaymentState, ...], columns: dict[str, Any]
    ) -> PaymentView:
        """Columns change, the state stays; a repeat changes nothing."""
        async with self._database.transaction(name, payment_id) as session:
            view = await payments.require_view(session, payment_id)
            done = view.needs_attention if "needs_attention" in columns else view.failure_code is not None
            if done or view.state not in origins:
                return view
            return await payments.move(session, payment_id, origins=(view.state,), to=view.state, columns=columns)
