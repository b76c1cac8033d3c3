"""The payment's own rows: open, refuse, pivot, close, finish, flag; each one transaction that a repeat finds done."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.attempts import first_attempt
from activities.judgement import ATTENTION_OWNER, BEFORE_PIVOT, OPEN_TO_PAYER
from channels.registry import Channels
from domain.commands import CloseCommand, PaymentView, RefusalCommand, StepCommand
from domain.errors import AmountMismatch, BusinessError, ChannelNotConfigured, NotFound
from domain.fees import FeeRule
from domain.orders import PaymentOrder
from domain.states import PaymentState
from store import payments
from store.channel_accounts import ChannelAccounts
from store.database import Database

RUNNING = tuple(state for state in PaymentState if not state.terminal)


class PaymentSteps:
    """The steps that belong to no participant."""

    def __init__(self, database: Database, accounts: ChannelAccounts, channels: Channels) -> None:
        self._database = database
        self._accounts = accounts
        self._channels = channels

    @activity.defn(name="payment.open")
    async def open(self, command: StepCommand) -> PaymentView:
        """One transaction: the payment, its lines and its intent exist, made from the request that the API kept.

        A second run reads what the first wrote. Amounts are recomputed, the fee rule is snapshotted; a refusal here
        is kept on the payment, which then only has its undo before it.
        """
        async with self._database.transaction("payment.open", command.payment_id) as session:
            view = await payments.view(session, command.payment_id)
            return view or await self._insert(session, command.payment_id)

    async def _insert(self, session: AsyncSession, payment_id: str) -> PaymentView:
        request = await payments.request(session, payment_id)
        if request is None:
            raise NotFound(f"no request was kept for {payment_id}")
        order = PaymentOrder.model_validate(request["body"])
        payment = _payment_row(payment_id, order, request)
        attempt = None
        if order.channel_minor and "failure_code" not in payment:
            account = await self._accounts.get(order.channel_account_id or "")
            attempt = first_attempt(self._channels, account, order, payment)
        lines = [_line_row(payment_id, number, order) for number in range(len(order.lines))]
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
            return await payments.move(
                session,
                command.payment_id,
                origins=BEFORE_PIVOT,
                to=PaymentState.CONFIRMING,
                columns={"paid_at": datetime.now(UTC).isoformat(), "certainty": "sure"},
            )

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
                session, command.payment_id, origins=BEFORE_PIVOT, to=end, columns=columns, event=f"payment.{end}"
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


def _payment_row(payment_id: str, order: PaymentOrder, request: dict[str, Any]) -> dict[str, Any]:
    """The columns of a new payment; what refuses it stands there as its failure."""
    row = order.model_dump(mode="json", exclude={"lines", "payer", "expires_in_s", "channel"})
    row |= {
        "id": payment_id,
        "merchant_id": request["merchant_id"],
        "channel_minor": order.channel_minor,
        "channel": request["channel"],
        "funds_holder": request["funds_holder"],
        "payer": order.payer.model_dump(exclude_none=True),
        "payer_account_id": order.payer.account_id,
        "has_lines": bool(order.lines),
        "expires_at": (datetime.now(UTC) + timedelta(seconds=order.expires_in_s)).isoformat(),
    }
    try:
        return row | _fee_columns(order, request)
    except BusinessError as refusal:
        no_fee = {"fee_rate_bps": 0, "fee_fixed_minor": 0, "fee_cap_minor": None, "fee_minor": 0}
        return row | no_fee | {"failure_code": refusal.code, "failure_detail": refusal.detail}


def _fee_columns(order: PaymentOrder, request: dict[str, Any]) -> dict[str, Any]:
    """The fee rule as it is now, and the fee; AmountMismatch, ChannelNotConfigured or FeeAboveAmount."""
    if not order.adds_up():
        raise AmountMismatch("the parts do not add up to the amount")
    if order.channel_minor and request["channel"] is None:
        raise ChannelNotConfigured("the channel account is gone or disabled")
    rule = FeeRule(
        rate_bps=request["fee_rate_bps"] or 0,
        fixed_minor=request["fee_fixed_minor"] or 0,
        cap_minor=request["fee_cap_minor"],
    )
    return {
        "fee_rate_bps": rule.rate_bps,
        "fee_fixed_minor": rule.fixed_minor,
        "fee_cap_minor": rule.cap_minor,
        "fee_minor": rule.fee_minor(order.amount_minor),
    }


def _line_row(payment_id: str, number: int, order: PaymentOrder) -> dict[str, Any]:
    return {"payment_id": payment_id, "line_no": number + 1, **order.lines[number].model_dump()}
