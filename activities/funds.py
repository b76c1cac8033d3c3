"""The funds participant: the balance part is held at try, and confirm posts the whole payment to the book."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.ids import AccountId
from domain.money import Currency
from domain.states import FundsHolder, Purpose
from ledger import book, steps
from ledger.legs import Leg, StepKey

_AMOUNTS = text(
    "SELECT merchant_id, purpose, to_account_id, currency, balance_minor, channel_minor, coupon_minor, fee_minor,"
    " payer_account_id, channel_account_id, funds_holder, expires_at, coalesce(paid_at, now()) AS event_at"
    " FROM payment WHERE id = :id"
)


class Funds:
    """Holds, posts and releases for one payment; its keys are the payment's id and the step."""

    name = "funds"

    async def try_(self, session: AsyncSession, payment_id: str) -> None:
        """The balance part is frozen in the payer's account; BalanceInsufficient, AccountBlocked, AccountClosed."""
        payment = await _read(session, payment_id)
        request = book.HoldRequest(
            account_id=AccountId(payment["payer_account_id"]),
            merchant_id=payment["merchant_id"],
            amount_minor=payment["balance_minor"],
            currency=Currency(payment["currency"]),
            expires_at=payment["expires_at"],
            reason="balance part of a payment",
        )
        await book.hold(session, hold_key(payment_id), request)

    async def confirm(self, session: AsyncSession, payment_id: str) -> None:
        """One posting: out of the hold and the channel's clearing, to the merchant, or the wallet, and our fee."""
        payment = await _read(session, payment_id)
        top_up = payment["purpose"] == Purpose.TOP_UP
        step, legs = _top_up(payment_id, payment) if top_up else _payment(payment_id, payment)
        request = book.PostRequest(merchant_id=payment["merchant_id"], event_at=payment["event_at"], legs=legs)
        await book.post(session, StepKey(biz_type="payment", biz_id=payment_id, step=step.name), request)

    async def cancel(self, session: AsyncSession, payment_id: str) -> None:
        """The balance part is available again."""
        await book.release(session, hold_key(payment_id))


def hold_key(payment_id: str) -> StepKey:
    """The once-only key of a payment's hold."""
    return StepKey(biz_type="payment", biz_id=payment_id, step="hold")


async def _read(session: AsyncSession, payment_id: str) -> dict[str, Any]:
    return dict((await session.execute(_AMOUNTS, {"id": payment_id})).mappings().one())


def _payment(payment_id: str, payment: dict[str, Any]) -> tuple[steps.Step, tuple[Leg, ...]]:
    amounts = {name: payment[name] for name in ("balance_minor", "channel_minor", "coupon_minor", "fee_minor")}
    wallet_id = payment["payer_account_id"]
    parties = steps.Parties(
        currency=Currency(payment["currency"]),
        object_id=payment_id,
        merchant_id=payment["merchant_id"],
        channel_account_id=payment["channel_account_id"],
        funds_holder=FundsHolder(payment["funds_holder"] or FundsHolder.PLATFORM),
        wallet_id=None if wallet_id is None else AccountId(wallet_id),
        holds={steps.Role.WALLET: hold_key(payment_id)},
    )
    return steps.PAYMENT, steps.legs(steps.PAYMENT, amounts, parties)


def _top_up(payment_id: str, payment: dict[str, Any]) -> tuple[steps.Step, tuple[Leg, ...]]:
    amounts = {"top_up_minor": payment["channel_minor"], "fee_minor": payment["fee_minor"]}
    parties = steps.Parties(
        currency=Currency(payment["currency"]),
        object_id=payment_id,
        merchant_id=payment["merchant_id"],
        channel_account_id=payment["channel_account_id"],
        wallet_id=AccountId(payment["to_account_id"]),
    )
    return steps.TOP_UP, steps.legs(steps.TOP_UP, amounts, parties)
