"""A refund that the channel had done, and that the payer's bank sent back: whose it is now, a person decides."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.judgement import ATTENTION_OWNER
from activities.refund_judgement import attention, judge_watched, same_money
from activities.refund_money import post_bounce
from channels.answers import RefundAnswer, RefundAnswerState
from domain.ids import new_id
from domain.money import Currency
from domain.outgoing import RefundView
from domain.states import RefundOrigin, RefundState
from store import refunds, suspense

Row = dict[str, Any]


async def keep_watched(session: AsyncSession, row: Row, answer: RefundAnswer | None, proof: Row | None) -> RefundView:
    """The channel's word on a refund that succeeded, whose row is locked: it bounced, once, or still stands.

    What bounced is our own money only where the channel says as much as we sent, in its currency.
    """
    now = row["read_at"]
    if answer is not None and answer.state is RefundAnswerState.BOUNCED and same_money(row, answer):
        return await bounce(session, row, answer.bounced_at or now, proof)
    columns = judge_watched(row, answer, now)
    if not columns:
        return await refunds.view(session, row["id"])
    odd = "needs_attention" in columns
    return await refunds.record(session, row["id"], columns=columns, evidence=proof if odd else None)


async def bounce(session: AsyncSession, row: Row, bounced_at: datetime, proof: Row | None = None) -> RefundView:
    """Posted to suspense with an item that has an owner, and told; the payment stays refunded.

    The caller has locked the refund and saw that it has not bounced yet; its success is posted and told before.
    """
    await post_bounce(session, row, bounced_at)
    await suspense.open_item(session, _item(row))
    columns = {
        "state": RefundState.BOUNCED,
        "bounced_at": bounced_at.isoformat(),
        "watch_until": None,
        "next_check_at": None,
        "checked": 1,
        **attention("refund_bounced"),
    }
    return await refunds.record(session, row["id"], columns=columns, evidence=proof, event="refund.bounced")


def _item(row: Row) -> suspense.NewSuspenseItem:
    return suspense.NewSuspenseItem(
        id=new_id("sus"),
        merchant_id=row["merchant_id"],
        origin=RefundOrigin.BOUNCE,
        object_id=row["id"],
        out_no=row["out_no"],
        channel_account_id=row["channel_account_id"],
        amount_minor=row["channel_minor"],
        currency=Currency(row["currency"]),
        owner=ATTENTION_OWNER,
        reason="a refund came back after it had succeeded",
        evidence={"out_refund_no": row["out_refund_no"], "channel_refund_no": row["channel_refund_no"]},
    )
