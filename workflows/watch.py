"""The scheduled watch (laws 8, 9): what ended and may still change, and callbacks that nobody applied."""

import asyncio
from typing import assert_never

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.commands import (
        AppliedCommand,
        AttemptCommand,
        CallbackCommand,
        PaymentView,
        WatchCommand,
        WatchItem,
        WatchKind,
        WatchList,
    )
    from domain.outgoing import PayoutCommand, PayoutView, RefundCommand, RefundView
    from workflows import timing
    from workflows.failures import describe
    from workflows.refunds_due import start_refunds
    from workflows.steps import Answer, call_channel, local

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
        if item.callback_id is not None and not item.ended:
            await self._remind(item)
            return None
        match item.kind:
            case WatchKind.PAYMENT:
                return await self._news_of_payment(item)
            case WatchKind.REFUND:
                refund = RefundCommand(refund_id=item.object_id, merchant_id=item.merchant_id)
                await _ask("channel.refund_query", item, refund, RefundView)
            case WatchKind.PAYOUT:
                payout = PayoutCommand(payout_id=item.object_id, merchant_id=item.merchant_id)
                await _ask("channel.transfer_query", item, payout, PayoutView)
            case _:
                assert_never(item.kind)
        if item.callback_id is not None:
            # The channel was asked after it had called: whatever it called about is known now.
            await local("watch.applied", AppliedCommand(callback_id=item.callback_id), type(None), summary=item.out_no)
        return None

    async def _news_of_payment(self, item: WatchItem) -> PaymentView:
        if item.callback_id is not None:
            callback = CallbackCommand(payment_id=item.object_id, callback_id=item.callback_id)
            return await local("channel.callback", callback, PaymentView, summary=item.out_no, until=timing.QUERY_LIMIT)
        attempt = AttemptCommand(
            payment_id=item.object_id, out_no=item.out_no, channel_account_id=item.channel_account_id
        )
        return await _ask("channel.query", item, attempt, PaymentView)

    async def _remind(self, item: WatchItem) -> None:
        """It still runs: its own workflow acts on the callback; one that is lost is the sweeper's."""
        handle = workflow.get_external_workflow_handle(item.object_id)
        await handle.signal("callback", item.callback_id)


async def _ask(name: str, item: WatchItem, command: BaseModel, answer: type[Answer]) -> Answer:
    return await call_channel(
        name,
        command,
        answer,
        channel=item.channel,
        call_timeout_s=item.call_timeout_s,
        until=timing.QUERY_LIMIT,
        summary=f"{item.channel} {item.out_no}",
    )
