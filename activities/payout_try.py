"""The try of a payout: what it may be, what it costs, whose money is held, and the row; in one transaction."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import (
    AmountMismatch,
    ChannelNotConfigured,
    CurrencyMismatch,
    FeeAboveAmount,
    MerchantHasDebt,
    UnknownAccount,
)
from domain.ids import AccountId, new_out_no
from domain.money import Currency
from domain.outgoing import PayoutCommand, PayoutView
from domain.outgoing_orders import PayoutRequest
from domain.rules import OperationRule
from domain.states import Approval, Operation, PayoutState, Resolution
from ledger import book
from ledger.accounts import AccountBalance, read_account
from ledger.chart import AccountKind, system_account_id
from ledger.legs import StepKey
from store import operations, payouts, rules, suspense
from store.clock import database_now

#: The kinds of account that money may leave from by the will of its owner.
SPENDABLE = frozenset({AccountKind.WALLET, AccountKind.MERCHANT_AVAILABLE})

Row = dict[str, Any]


async def open_payout(session: AsyncSession, command: PayoutCommand) -> PayoutView:
    """The payout that was asked for exists with its hold, or a refusal aborts the caller's transaction.

    ChannelNotConfigured, UnknownAccount, MerchantHasDebt, what `rules.admit` and `book.hold` refuse, FeeAboveAmount;
    ItemEnded and AmountMismatch for one out of suspense.
    """
    request = PayoutRequest.model_validate((await operations.kept_request(session, command.payout_id)).body)
    if request.channel_account_id is None:
        raise ChannelNotConfigured(f"no enabled account at {request.channel} pays out {request.currency}")
    if request.suspense_item_id is not None:
        held = await _out_of_suspense(session, command, request, request.suspense_item_id)
    else:
        held = await _out_of_account(session, command, request)
    return await payouts.insert(session, _columns(command, request) | held)


def hold_key(payout_id: str) -> StepKey:
    """The once-only key of a payout's hold."""
    return StepKey(biz_type="payout", biz_id=payout_id, step="hold")


async def spendable_account(session: AsyncSession, account_id: str, merchant_id: str | None) -> AccountBalance:
    """The wallet or available money of that merchant (None: of any); UnknownAccount for everything else."""
    account = await read_account(session, AccountId(account_id))
    if account.kind not in SPENDABLE or merchant_id not in {None, account.merchant_id}:
        raise UnknownAccount(f"no account {account_id}")
    return account


async def require_no_debt(session: AsyncSession, merchant_id: str, currency: Currency) -> None:
    """Nothing when the merchant owes us nothing, and no refund under way makes it; MerchantHasDebt otherwise."""
    try:
        debt = await read_account(session, system_account_id(AccountKind.MERCHANT_DEBT, merchant_id, currency))
    except UnknownAccount:
        return
    if debt.available_minor < 0:
        raise MerchantHasDebt


def _columns(command: PayoutCommand, request: PayoutRequest) -> Row:
    return {
        "id": command.payout_id,
        "merchant_id": command.merchant_id,
        "payout_no": request.payout_no,
        "amount_minor": request.amount_minor,
        "fee_minor": 0,
        "currency": request.currency,
        "channel": request.channel,
        "channel_account_id": request.channel_account_id,
        "out_no": new_out_no(),
        "state": PayoutState.PENDING,
    }


async def _out_of_account(session: AsyncSession, command: PayoutCommand, request: PayoutRequest) -> Row:
    """The limits are taken before any account is locked."""
    account = await spendable_account(session, request.account_id or "", command.merchant_id)
    rule = await rules.admit(session, _admission(command, request))
    fee_minor = _fee_minor(rule, request)
    if account.kind is AccountKind.MERCHANT_AVAILABLE:
        await require_no_debt(session, command.merchant_id, request.currency)
    hold = book.HoldRequest(
        account_id=account.id,
        merchant_id=command.merchant_id,
        amount_minor=request.amount_minor,
        currency=request.currency,
        reason="payout",
    )
    await book.hold(session, hold_key(command.payout_id), hold)
    source = {"account_id": account.id, "account_kind": account.kind, "fee_minor": fee_minor}
    return source | await _approval(session, rule, request)


async def _out_of_suspense(session: AsyncSession, command: PayoutCommand, request: PayoutRequest, item_id: str) -> Row:
    """The whole item, of its own channel account, without a fee: it was never the merchant's to pay for."""
    taking = suspense.Taking(merchant_id=command.merchant_id, resolution=Resolution.PAYOUT, object_id=command.payout_id)
    item = await suspense.take(session, item_id, taking)
    if item.amount_minor != request.amount_minor or item.channel_account_id != request.channel_account_id:
        raise AmountMismatch("an item is paid out whole, and where it lies")
    if item.currency is not request.currency:
        raise CurrencyMismatch
    return {"suspense_item_id": item_id}


def _admission(command: PayoutCommand, request: PayoutRequest) -> rules.Admission:
    return rules.Admission(
        object_id=command.payout_id,
        merchant_id=command.merchant_id,
        operation=Operation.PAYOUT,
        currency=request.currency,
        amount_minor=request.amount_minor,
        account_id=request.account_id,
        tools=(request.channel,),
    )


def _fee_minor(rule: OperationRule, request: PayoutRequest) -> int:
    """The fee is inside the amount, and something must be left for the payee."""
    fee_minor = rule.fee.fee_minor(request.amount_minor)
    if fee_minor == request.amount_minor:
        raise FeeAboveAmount(f"the fee {fee_minor} leaves nothing of the amount")
    return fee_minor


async def _approval(session: AsyncSession, rule: OperationRule, request: PayoutRequest) -> Row:
    if rule.approval_above_minor is None or request.amount_minor <= rule.approval_above_minor:
        return {}
    expires_at = await database_now(session) + timedelta(seconds=rule.approval_expires_in_s)
    return {
        "state": PayoutState.AWAITING_APPROVAL,
        "approval": Approval.AWAITED,
        "approval_expires_at": expires_at.isoformat(),
    }
