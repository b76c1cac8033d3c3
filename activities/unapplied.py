"""Money that arrived late, twice or in a wrong amount: in the book at once, and owed back by a refund (law 9)."""

from sqlalchemy.ext.asyncio import AsyncSession

from activities.judgement import ATTENTION_OWNER, Standing, Unapplied
from channels.answers import OrderAnswer
from domain.ids import AccountId, RefundId, new_id, new_out_no, new_refund_id
from domain.money import Currency
from domain.states import RefundOrigin, Resolution
from ledger import book, steps
from ledger.chart import AccountKind, system_account_id
from ledger.legs import StepKey
from store import refunds, suspense

REASONS = {
    Unapplied.LATE: "paid after the payment had ended",
    Unapplied.DUPLICATE: "paid a second time",
    Unapplied.MISMATCH: "paid in a wrong amount or currency",
}


async def post_unapplied(session: AsyncSession, standing: Standing, kind: Unapplied, answer: OrderAnswer) -> RefundId:
    """The receipt is posted, and a pending refund of exactly what was received stands in the same transaction.

    A mismatch goes to `suspense` with an item that has an owner, and that the refund is to end; late and double money
    to `unapplied`, where the refund's hold keeps it.
    """
    if answer.paid_amount_minor is None or answer.currency is None:
        raise ValueError("a paid answer states its amount and currency")
    received_minor, currency = answer.paid_amount_minor, answer.currency
    await _post_receipt(session, standing, kind, answer)
    refund_id = new_refund_id()
    row = refunds.NewRefund(
        id=refund_id,
        merchant_id=standing.merchant_id,
        payment_id=standing.payment_id,
        origin=RefundOrigin(kind.value),
        out_no=standing.out_no,
        out_refund_no=new_out_no(),
        channel=standing.channel,
        channel_account_id=standing.channel_account_id,
        amount_minor=received_minor,
        channel_minor=received_minor,
        currency=currency,
        reason=REASONS[kind],
        suspense_item_id=new_id("sus") if kind is Unapplied.MISMATCH else None,
    )
    await refunds.insert(session, row)
    if kind is Unapplied.MISMATCH:
        await suspense.open_item(session, _item(standing, row))
    else:
        await _hold(session, refund_id, standing, received_minor, currency)
    return refund_id


async def _post_receipt(session: AsyncSession, standing: Standing, kind: Unapplied, answer: OrderAnswer) -> None:
    step = steps.MISMATCHED_RECEIPT if kind is Unapplied.MISMATCH else steps.UNAPPLIED_RECEIPT
    parties = steps.Parties(
        currency=answer.currency or Currency(standing.currency),
        object_id=standing.out_no,
        merchant_id=standing.merchant_id,
        channel_account_id=standing.channel_account_id,
    )
    request = book.PostRequest(
        merchant_id=standing.merchant_id,
        event_at=answer.paid_at or standing.read_at,
        legs=steps.legs(step, {"received_minor": answer.paid_amount_minor or 0}, parties),
        memo=REASONS[kind],
    )
    await book.post(session, StepKey(biz_type="attempt", biz_id=standing.out_no, step=step.name), request)


def _item(standing: Standing, refund: refunds.NewRefund) -> suspense.NewSuspenseItem:
    return suspense.NewSuspenseItem(
        id=refund.suspense_item_id or "",
        merchant_id=standing.merchant_id,
        origin=RefundOrigin.MISMATCH,
        object_id=standing.out_no,
        out_no=standing.out_no,
        channel_account_id=standing.channel_account_id,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        owner=ATTENTION_OWNER,
        reason=refund.reason,
        evidence={"asked_minor": standing.amount_minor, "asked_currency": standing.currency},
        resolution=Resolution.REFUND,
        resolution_id=refund.id,
    )


async def _hold(
    session: AsyncSession, refund_id: RefundId, standing: Standing, received_minor: int, currency: Currency
) -> None:
    request = book.HoldRequest(
        account_id=AccountId(system_account_id(AccountKind.UNAPPLIED, standing.channel_account_id, currency)),
        merchant_id=None,
        amount_minor=received_minor,
        currency=currency,
        reason="given back",
    )
    await book.hold(session, refund_hold_key(refund_id), request)


def refund_hold_key(refund_id: str) -> StepKey:
    """The once-only key of a refund's hold."""
    return StepKey(biz_type="refund", biz_id=refund_id, step="hold")
