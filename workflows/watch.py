"""The scheduled watch of attempts that ended without final proof, and of callbacks that nobody applied (laws 8, 9)."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.commands import (
        AttemptCommand,
        CallbackCommand,
        PaymentView,
        WatchCommand,
        WatchItem,
        WatchList,
    )
    from workflows import timing
    from workflows.failures import describe
    from workflows.refunds_due import start_refunds
    from workflows.steps import call_channel, local

AT_ONCE = 20


@workflow.defn(name="Watch")
class WatchWorkflow:
    """Looks once, asks or applies each item, and starts the refunds that follow; a schedule runs it again and again."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    @workflow.run
    async def run(self, command: WatchCommand) -> int:
        """Every due item has been looked at; answers how many there were."""
        due = await local("watch.due", command, WatchList)
        await asyncio.gather(*(self._look(item) for item in due.items))
        return len(due.items)

    async def _look(self, item: WatchItem) -> None:
        """One item that fails is left for the next look; it does not stop the others."""
        async with self._slots:
            try:
                view = await self._news(item)
            except FailureError as error:
                workflow.logger.warning("an item was left for the next look: %s", describe(error))
                return
        if view is not None:
            await start_refunds(view)

    async def _news(self, item: WatchItem) -> PaymentView | None:
        if item.callback_id is None:
            return await self._ask(item)
        if item.payment_ended:
            command = CallbackCommand(payment_id=item.payment_id, callback_id=item.callback_id)
            return await local("channel.callback", command, PaymentView, summary=item.out_no, until=timing.QUERY_LIMIT)
        await self._remind(item)
        return None

    async def _ask(self, item: WatchItem) -> PaymentView:
        command = AttemptCommand(
            payment_id=item.payment_id, out_no=item.out_no, channel_account_id=item.channel_account_id
        )
        return await call_channel(
            "channel.query",
            command,
            PaymentView,
            channel=item.channel,
            call_timeout_s=item.call_timeout_s,
            until=timing.QUERY_LIMIT,
            summary=f"{item.channel} {item.out_no}",
        )

    async def _remind(self, item: WatchItem) -> None:
        """The payment still runs: its own workflow applies the callback; one that is lost is the sweeper's."""
        handle = workflow.get_external_workflow_handle(item.payment_id)
        await handle.signal("callback", item.callback_id)
