"""A transfer between accounts: limits, posting, row and event in one transaction."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.payout_try import require_no_debt, spendable_account
from activities.transfer_item import post_item
from domain.errors import ItemEnded
from domain.outgoing import TransferCommand, TransferView
from domain.outgoing_orders import TransferRequest
from domain.rules import BALANCE
from domain.states import Operation
from ledger import book, steps
from ledger.accounts import AccountBalance
from ledger.chart import AccountKind
from ledger.legs import StepKey
from store import operations, rules, transfers
from store.database import Database


class TransferSteps:
    """The one step of a transfer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="transfer.post")
    async def post(self, command: TransferCommand) -> TransferView:
        """One transaction: the transfer has succeeded, or a refusal left nothing; a second run reads the first.

        UnknownAccount, BalanceInsufficient, AccountBlocked, AccountClosed, CurrencyMismatch, MerchantHasDebt,
        ItemEnded, and what the rule refuses.
        """
        async with self._database.transaction("transfer.post", command.transfer_id) as session:
            known = await transfers.find(session, command.transfer_id)
            return known or await _make_once(session, command)


async def _make_once(session: AsyncSession, command: TransferCommand) -> TransferView:
    try:
        return await _make(session, command)
    except ItemEnded:
        # This very transfer may have taken it: its first run committed after our first look.
        if known := await transfers.find(session, command.transfer_id):
            return known
        raise


async def _make(session: AsyncSession, command: TransferCommand) -> TransferView:
    kept = await operations.kept_request(session, command.transfer_id)
    request = TransferRequest.model_validate(kept.body)
    if request.suspense_item_id is not None:
        return await post_item(session, command, request, item_id=request.suspense_item_id, at=kept.read_at)
    return await _post(session, command, request, at=kept.read_at)


async def _post(
    session: AsyncSession, command: TransferCommand, request: TransferRequest, *, at: datetime
) -> TransferView:
    source = await spendable_account(session, request.from_account_id, command.merchant_id)
    owner = None if request.across_merchants else command.merchant_id
    target = await spendable_account(session, request.to_account_id, owner)
    if source.kind is AccountKind.MERCHANT_AVAILABLE and not request.across_merchants:
        await require_no_debt(session, command.merchant_id, request.currency)
    fee_minor = await _admit(session, command, request)
    posting = book.PostRequest(
        merchant_id=command.merchant_id,
        event_at=at,
        legs=steps.legs(
            steps.TRANSFER,
            {"transfer_minor": request.amount_minor, "fee_minor": fee_minor},
            _parties(command, request, source, target),
        ),
        memo=request.memo,
    )
    key = StepKey(biz_type="transfer", biz_id=command.transfer_id, step=steps.TRANSFER.name)
    await book.post(session, key, posting)
    row = request.model_dump(mode="json") | {"id": command.transfer_id, "merchant_id": command.merchant_id}
    return await transfers.insert(session, row | {"fee_minor": fee_minor, "succeeded_at": at.isoformat()})


async def _admit(session: AsyncSession, command: TransferCommand, request: TransferRequest) -> int:
    """The limits are taken before any account is locked; answers the fee, which the sender pays on top."""
    admission = rules.Admission(
        object_id=command.transfer_id,
        merchant_id=command.merchant_id,
        operation=Operation.TRANSFER,
        currency=request.currency,
        amount_minor=request.amount_minor,
        account_id=request.from_account_id,
        tools=(BALANCE,),
    )
    return (await rules.admit(session, admission)).fee.fee_minor(request.amount_minor)


def _parties(
    command: TransferCommand, request: TransferRequest, source: AccountBalance, target: AccountBalance
) -> steps.Parties:
    return steps.Parties(
        currency=request.currency,
        object_id=command.transfer_id,
        merchant_id=command.merchant_id,
        source_id=source.id,
        source_kind=source.kind,
        target_id=target.id,
        target_kind=target.kind,
    )
