"""From an operator's word on a suspense item to the refund, payout or transfer that takes its money out."""

from typing import assert_never

from api.operation_start import AskedOperation, claim
from api.payout_start import AskedPayout, start_payout
from api.refund_start import start_refund_workflow
from api.routing import can_transfer
from api.services import Services
from api.suspense_bodies import PayoutResolution, RefundResolution, ResolutionBody, WalletResolution
from api.transfer_start import start_transfer_workflow
from domain.errors import ChannelNotConfigured, InvalidRequest
from domain.ids import new_refund_id, new_transfer_id
from domain.money import Money
from domain.outgoing_orders import Destination, PayoutRequest, TransferRequest
from domain.refund_request import ItemRefundRequest
from domain.states import Operation
from domain.suspense_objects import SuspenseItemObject
from ledger.chart import AccountKind, system_account_id


async def resolve(services: Services, item: SuspenseItemObject, body: ResolutionBody) -> bool:
    """The item is on its way out of suspense, or has left it; True when an equal call did it before.

    ItemEnded when something else has it; whatever refuses the refund, payout or transfer is raised: then the item is
    open, and the number free.
    """
    match body:
        case RefundResolution():
            return await _refund(services, item, body)
        case WalletResolution():
            return await _transfer(services, item, body)
        case PayoutResolution():
            return await _pay_out(services, item, body)
        case _:
            assert_never(body)


async def _refund(services: Services, item: SuspenseItemObject, body: RefundResolution) -> bool:
    request = ItemRefundRequest(suspense_item_id=item.id)
    asked = AskedOperation(
        merchant_id=item.merchant_id,
        operation=Operation.REFUND,
        number=body.refund_no,
        body=request,
        kept=request.model_dump(mode="json"),
        new_id=new_refund_id(),
        key=None,
    )
    summary = f"refund {body.refund_no} out of suspense: {_amount(item)}"
    return (await start_refund_workflow(services, asked, summary=summary)).replayed


async def _transfer(services: Services, item: SuspenseItemObject, body: WalletResolution) -> bool:
    """Its number is made of item and wallet, so that the same call again is the same transfer."""
    request = TransferRequest(
        transfer_no=f"{item.id}-{body.account_id}",
        from_account_id=system_account_id(AccountKind.SUSPENSE, item.channel_account_id, item.currency),
        to_account_id=body.account_id,
        suspense_item_id=item.id,
        amount_minor=item.amount_minor,
        currency=item.currency,
        memo=item.reason,
        metadata={},
    )
    asked = AskedOperation(
        merchant_id=item.merchant_id,
        operation=Operation.TRANSFER,
        number=request.transfer_no,
        body=request,
        kept=request.model_dump(mode="json"),
        new_id=new_transfer_id(),
        key=None,
    )
    claimed = await claim(services, asked)
    await start_transfer_workflow(services, claimed, asked, summary=f"out of suspense into a wallet: {_amount(item)}")
    return claimed.replayed


async def _pay_out(services: Services, item: SuspenseItemObject, body: PayoutResolution) -> bool:
    channel = (await services.accounts.get(item.channel_account_id)).row.channel
    if body.destination.channel != channel:
        raise InvalidRequest(fields={"destination.channel": f"the money lies at {channel}"})
    if not await can_transfer(services, item.channel_account_id, _money(item)):
        raise ChannelNotConfigured(f"{channel} does not pay out {item.currency} from where the money lies")
    request = PayoutRequest(
        payout_no=body.payout_no,
        suspense_item_id=item.id,
        amount_minor=item.amount_minor,
        currency=item.currency,
        channel=channel,
        channel_account_id=item.channel_account_id,
        destination=Destination(account=body.destination.account, name=body.destination.name),
        metadata={},
    )
    asked = AskedPayout(merchant_id=item.merchant_id, request=request, body=request)
    return (await start_payout(services, asked)).replayed


def _amount(item: SuspenseItemObject) -> str:
    return f"{_money(item).to_major_text()} {item.currency}"


def _money(item: SuspenseItemObject) -> Money:
    return Money(amount_minor=item.amount_minor, currency=item.currency)
