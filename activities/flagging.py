"""A refund or payout whose steps keep failing after its decision: its row asks for a person."""

from temporalio import activity

from activities.refund_judgement import attention
from domain.outgoing import FlagCommand, PayoutView, RefundView
from store import payouts, refunds
from store.database import Database


class Flagging:
    """One transaction each: reason and owner stand on a row that has not ended and has none yet; a repeat reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="refund.flag")
    async def refund(self, command: FlagCommand) -> RefundView:
        """The refund needs attention, unless it has ended."""
        async with self._database.transaction("refund.flag", command.object_id) as session:
            await refunds.lock(session, command.object_id)
            view = await refunds.view(session, command.object_id)
            if view.needs_attention or view.state.terminal:
                return view
            return await refunds.record(session, command.object_id, columns=attention(command.reason))

    @activity.defn(name="payout.flag")
    async def payout(self, command: FlagCommand) -> PayoutView:
        """The payout needs attention, unless it has ended."""
        async with self._database.transaction("payout.flag", command.object_id) as session:
            await payouts.lock(session, command.object_id)
            view = await payouts.view(session, command.object_id)
            if view.needs_attention or view.state.terminal:
                return view
            return await payouts.record(session, command.object_id, columns=attention(command.reason))
