"""What a payout posts: when it is proven, and when it comes back; and how its try is given back."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.judgement import ATTENTION_OWNER
from activities.payout_try import hold_key
from domain.ids import AccountId, new_id
from domain.money import Currency
from domain.states import RefundOrigin
from ledger import book, steps
from ledger.accounts import read_account
from ledger.chart import AccountKind
from ledger.legs import StepKey
from store import rules, suspense

Row = dict[str, Any]

RETURNED_REASON = "a payout came back and cannot return to its account"


async def post_paid(session: AsyncSession, row: Row) -> None:
    """The hold is in the book as paid by the channel: sent and done, or out of suspense, whose item is ended."""
    if row["suspense_item_id"] is not None:
        amounts = {"suspense_minor": row["amount_minor"]}
        await _post(session, row, steps.PAYOUT_FROM_SUSPENSE, amounts, row["succeeded_at"])
        await suspense.end(session, row["suspense_item_id"], row["id"])
        return
    for step in (steps.PAYOUT_SENT, steps.PAYOUT_DONE):
        await _post(session, row, step, _amounts(row), row["succeeded_at"])


async def give_back(session: AsyncSession, row: Row) -> None:
    """What the try took is free again: the day's limits first, as they are taken first, then the money."""
    if row["suspense_item_id"] is not None:
        await suspense.reopen(session, row["suspense_item_id"], row["id"])
        return
    await rules.give_back(session, row["id"])
    await book.release(session, hold_key(row["id"]))


async def post_returned(session: AsyncSession, row: Row, returned_at: datetime) -> None:
    """What the payee got is back where it came from; in suspense, with an item, when that can take it no more."""
    if row["account_id"] is not None and await _takes_credits(session, row["account_id"]):
        await _post(session, row, steps.PAYOUT_RETURNED, _amounts(row), returned_at)
        return
    await _post(session, row, steps.PAYOUT_RETURNED_TO_SUSPENSE, _amounts(row), returned_at)
    item = suspense.NewSuspenseItem(
        id=new_id("sus"),
        merchant_id=row["merchant_id"],
        origin=RefundOrigin.BOUNCE,
        object_id=row["id"],
        out_no=row["out_no"],
        channel_account_id=row["channel_account_id"],
        amount_minor=row["amount_minor"] - row["fee_minor"],
        currency=row["currency"],
        owner=ATTENTION_OWNER,
        reason=RETURNED_REASON,
        evidence={"payout_no": row["payout_no"], "account_id": row["account_id"]},
    )
    await suspense.open_item(session, item)


async def _takes_credits(session: AsyncSession, account_id: str) -> bool:
    return (await read_account(session, AccountId(account_id))).closed_at is None


async def _post(
    session: AsyncSession, row: Row, step: steps.Step, amounts: dict[str, int], at: datetime | None
) -> None:
    request = book.PostRequest(
        merchant_id=row["merchant_id"],
        event_at=at or row["read_at"],
        legs=steps.legs(step, amounts, _parties(row)),
        memo=row["payout_no"],
    )
    await book.post(session, StepKey(biz_type="payout", biz_id=row["id"], step=step.name), request)


def _amounts(row: Row) -> dict[str, int]:
    return {"payout_minor": row["amount_minor"], "fee_minor": row["fee_minor"]}


def _parties(row: Row) -> steps.Parties:
    account_id = None if row["account_id"] is None else AccountId(row["account_id"])
    kind = AccountKind(row["account_kind"] or AccountKind.WALLET)
    return steps.Parties(
        currency=Currency(row["currency"]),
        object_id=row["id"],
        merchant_id=row["merchant_id"],
        channel_account_id=row["channel_account_id"],
        source_id=account_id,
        source_kind=kind,
        target_id=account_id,
        target_kind=kind,
        holds={steps.Role.SOURCE: hold_key(row["id"])},
    )
