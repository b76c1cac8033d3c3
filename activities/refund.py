"""The local steps of giving money back: try, decision, confirm and cancel, one transaction each."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.refund_bounce import bounce
from activities.refund_judgement import CONTRADICTION, attention
from activities.refund_money import post_refund, post_unapplied_refund, release_merchant_money
from activities.refund_try import try_refund
from activities.unapplied import refund_hold_key
from domain.errors import ApprovalExpired, ApprovalRejected
from domain.outgoing import ApprovalCommand, RefundCommand, RefundView
from domain.states import Approval, LegState, RefundOrigin, RefundState
from ledger import book
from store import payments, refunds, rules, suspense
from store.database import Database

Row = dict[str, Any]

_ENDED = {"certainty": "sure"}


class RefundSteps:
    """The steps of one refund in our own database; each is idempotent by the refund's row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="refund.open")
    async def open(self, command: RefundCommand) -> RefundView:
        """The refund as its row says; one that was asked for and has no row yet is tried in one transaction."""
        async with self._database.reading() as session:
            known = await refunds.find(session, command.refund_id)
        if known is not None:
            return known
        async with self._database.transaction("refund.open", command.refund_id) as session:
            return await try_refund(session, command.refund_id)

    @activity.defn(name="refund.decide")
    async def decide(self, decision: ApprovalCommand) -> RefundView:
        """One transaction: the decision stands, unless another was first; one that comes too late has expired."""
        async with self._database.transaction("refund.decide", decision.object_id) as session:
            await refunds.decide(session, decision.object_id, decision.decision, decision.reason)
            return await refunds.view(session, decision.object_id)

    @activity.defn(name="refund.confirm")
    async def confirm(self, command: RefundCommand) -> RefundView:
        """One transaction: posted, restocked, the refund `succeeded` and the merchant's one event.

        One that bounced before we knew of its success is `bounced` in the same transaction.
        """
        async with self._database.transaction("refund.confirm", command.refund_id) as session:
            row = await refunds.lock(session, command.refund_id)
            if RefundState(row["state"]).terminal:
                return await refunds.view(session, command.refund_id)
            event = await _confirm(session, row)
            succeeded_at = (row["succeeded_at"] or row["read_at"]).isoformat()
            columns = {"state": RefundState.SUCCEEDED, "succeeded_at": succeeded_at, "needs_attention": False, **_ENDED}
            view = await refunds.record(session, command.refund_id, columns=columns, event=event)
            return view if row["bounced_at"] is None else await bounce(session, row, row["bounced_at"])

    @activity.defn(name="refund.fail")
    async def fail(self, command: RefundCommand) -> RefundView:
        """One transaction: a proven refusal, or a decision, ends the refund; what was held and counted is free.

        Money that came unasked stays where it is, and a person owns it; as does a person what the channel contradicts.
        RuntimeError where nobody has refused it: a coordinator that is wrong stalls, and moves nothing.
        """
        async with self._database.transaction("refund.fail", command.refund_id) as session:
            row = await refunds.lock(session, command.refund_id)
            if RefundState(row["state"]).terminal:
                return await refunds.view(session, command.refund_id)
            _require_refused(row)
            columns = {"state": RefundState.FAILED, "next_check_at": None, **_ENDED, **_failure(row)}
            columns |= await _cancel(session, row) | _contradiction(row)
            return await refunds.record(session, command.refund_id, columns=columns, event="refund.failed")


async def _confirm(session: AsyncSession, row: Row) -> str:
    """The rows beside the refund, then the book; answers the event's type."""
    if row["origin"] == RefundOrigin.MERCHANT:
        await refunds.conclude(session, row["id"], given=True)
        await post_refund(session, row)
        return "refund.succeeded"
    await post_unapplied_refund(session, row)
    if row["suspense_item_id"] is not None:
        await suspense.end(session, row["suspense_item_id"], row["id"])
    if row["origin"] == RefundOrigin.BOUNCE:
        return "refund.succeeded"
    await payments.record(session, row["out_no"], attempt={"state": "returned"}, evidence=None, move=None)
    return "late_payment.refunded"


async def _cancel(session: AsyncSession, row: Row) -> Row:
    """What was counted and held is free again; answers the columns that say who must look at it now."""
    if row["origin"] == RefundOrigin.MERCHANT:
        await refunds.conclude(session, row["id"], given=False)
        await rules.give_back(session, row["id"])
        await release_merchant_money(session, row)
        return {"needs_attention": False}
    if row["suspense_item_id"] is None:
        await book.release(session, refund_hold_key(row["id"]))
    else:
        await suspense.reopen(session, row["suspense_item_id"], row["id"])
    # What an operator asked for is looked at where it was asked for: its item is open again, and has an owner.
    return {"needs_attention": False} if row["origin"] == RefundOrigin.BOUNCE else attention("refund_failed")


def _require_refused(row: Row) -> None:
    by_hand = row["approval"] in {Approval.REJECTED, Approval.EXPIRED}
    unsent = row["leg_state"] in {LegState.INTENT, LegState.NONE}
    if row["leg_state"] != LegState.KNOWN_FAIL and not (by_hand and unsent):
        raise RuntimeError(f"nobody has refused {row['id']}: its leg is {row['leg_state']}")


def _contradiction(row: Row) -> Row:
    stands = row["needs_attention"] and row["attention_reason"] == CONTRADICTION
    return attention(CONTRADICTION) if stands else {}


def _failure(row: Row) -> Row:
    """A decision's own code and reason; the channel's refusal stands on the row already."""
    match row["approval"]:
        case Approval.REJECTED:
            detail = row["approval_reason"] or ApprovalRejected.title
            return {"failure_code": ApprovalRejected.code, "failure_detail": detail}
        case Approval.EXPIRED:
            return {"failure_code": ApprovalExpired.code, "failure_detail": ApprovalExpired.title}
        case _:
            return {}
