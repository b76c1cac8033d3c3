"""The try of a refund that takes an item out of suspense: the payer gets again what did not reach it."""

from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import ItemEnded, PaymentNotRefundable
from domain.ids import new_out_no
from domain.outgoing import RefundView
from domain.refund_request import ItemRefundRequest
from domain.states import RefundOrigin, Resolution
from store import refunds, suspense
from store.operations import KeptRequest
from store.tables.attempts import Attempt


async def try_refund_of_item(session: AsyncSession, refund_id: str, kept: KeptRequest) -> RefundView:
    """The refund exists, and the item is its own: the whole amount, by the attempt and channel that it came by.

    No part of the payment and no money of the merchant is taken: that was done when it was refunded first. A repeat
    answers it as it is. ItemEnded; PaymentNotRefundable for money that no payment brought.
    """
    if known := await refunds.find(session, refund_id):
        return known
    request = ItemRefundRequest.model_validate(kept.body)
    taking = suspense.Taking(merchant_id=kept.merchant_id, resolution=Resolution.REFUND, object_id=refund_id)
    try:
        item = await suspense.take(session, request.suspense_item_id, taking)
    except ItemEnded:
        # This very refund may have taken it: its first run committed after our first look.
        if known := await refunds.find(session, refund_id):
            return known
        raise
    attempt = await session.get(Attempt, item.out_no)
    if attempt is None:
        raise PaymentNotRefundable("the item came from no payment")
    row = refunds.NewRefund(
        id=refund_id,
        merchant_id=kept.merchant_id,
        payment_id=attempt.payment_id,
        refund_no=kept.number,
        origin=RefundOrigin.BOUNCE,
        out_no=attempt.out_no,
        out_refund_no=new_out_no(),
        channel=attempt.channel,
        channel_account_id=item.channel_account_id,
        amount_minor=item.amount_minor,
        channel_minor=item.amount_minor,
        currency=item.currency,
        reason=item.reason,
        suspense_item_id=item.id,
    )
    await refunds.insert(session, row)
    return await refunds.view(session, refund_id)
