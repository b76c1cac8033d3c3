"""A suspense item ends in a wallet: item, posting, row and event in one transaction."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import CurrencyMismatch, UnknownAccount
from domain.ids import AccountId
from domain.outgoing import TransferCommand, TransferView
from domain.outgoing_orders import TransferRequest
from domain.states import Resolution
from ledger import book, steps
from ledger.accounts import AccountBalance, read_account
from ledger.chart import AccountKind
from ledger.legs import StepKey
from store import suspense, transfers
from store.suspense import ItemInSuspense


async def post_item(
    session: AsyncSession, command: TransferCommand, request: TransferRequest, *, item_id: str, at: datetime
) -> TransferView:
    """The wallet has the item's whole amount, without a fee or limits: it was owed to somebody all the time.

    ItemEnded, UnknownAccount (not a wallet of the item's merchant), CurrencyMismatch, AccountClosed.
    """
    taking = suspense.Taking(
        merchant_id=command.merchant_id, resolution=Resolution.WALLET, object_id=command.transfer_id
    )
    item = await suspense.take(session, item_id, taking)
    wallet = await _wallet(session, item, request.to_account_id)
    posting = book.PostRequest(
        merchant_id=item.merchant_id,
        event_at=at,
        legs=steps.legs(
            steps.SUSPENSE_TO_WALLET, {"suspense_minor": item.amount_minor}, _parties(command, item, wallet.id)
        ),
        memo=item.reason,
    )
    step = steps.SUSPENSE_TO_WALLET.name
    await book.post(session, StepKey(biz_type="transfer", biz_id=command.transfer_id, step=step), posting)
    await suspense.end(session, item_id, command.transfer_id)
    row = request.model_dump(mode="json") | {"id": command.transfer_id, "merchant_id": item.merchant_id}
    return await transfers.insert(session, row | {"fee_minor": 0, "succeeded_at": at.isoformat()})


async def _wallet(session: AsyncSession, item: ItemInSuspense, account_id: str) -> AccountBalance:
    account = await read_account(session, AccountId(account_id))
    if account.kind is not AccountKind.WALLET or account.merchant_id != item.merchant_id:
        raise UnknownAccount(f"no wallet {account_id}")
    if account.currency != item.currency:
        raise CurrencyMismatch(f"the item is in {item.currency}")
    return account


def _parties(command: TransferCommand, item: ItemInSuspense, wallet_id: AccountId) -> steps.Parties:
    return steps.Parties(
        currency=item.currency,
        object_id=command.transfer_id,
        merchant_id=item.merchant_id,
        channel_account_id=item.channel_account_id,
        wallet_id=wallet_id,
    )
