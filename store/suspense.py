"""Suspense items: each function is one statement inside the caller's transaction."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from domain.errors import ItemEnded
from domain.money import Currency
from domain.orders import Frozen
from domain.states import ItemState, RefundOrigin, Resolution
from store.tables.refunds import SuspenseItem


class NewSuspenseItem(Frozen):
    """Money that we have and cannot place, what it is about, and what else is known of it.

    `resolution` and `resolution_id` are there when something is on its way to end it already.
    """

    id: str
    merchant_id: str
    origin: RefundOrigin
    object_id: str
    out_no: str
    channel_account_id: str
    amount_minor: int
    currency: Currency
    owner: str
    reason: str
    evidence: dict[str, Any]
    resolution: Resolution | None = None
    resolution_id: str | None = None


class ItemInSuspense(Frozen):
    """An item as whoever resolves it needs it: always the whole amount, in minor units, from where it lies."""

    id: str
    merchant_id: str
    origin: RefundOrigin
    object_id: str
    out_no: str
    channel_account_id: str
    amount_minor: int
    currency: Currency
    reason: str


@dataclass(frozen=True)
class ItemFilter:
    """Which items are looked for; what is None does not matter. `after` is the last id that was seen."""

    caller_id: str | None = None
    merchant_id: str | None = None
    state: ItemState | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Taking:
    """Who takes an item out of suspense: the refund, payout or transfer of that merchant."""

    merchant_id: str
    resolution: Resolution
    object_id: str


_OPEN = text("SELECT suspense_open(CAST(:item AS jsonb))")
_TAKE = text("SELECT suspense_take(:item_id, :merchant_id, :resolution, :object_id)")
_END = text("SELECT suspense_end(:item_id, :object_id)")
_REOPEN = text("SELECT suspense_reopen(:item_id, :object_id)")


async def open_item(session: AsyncSession, item: NewSuspenseItem) -> None:
    """The item is there, once per object."""
    await session.execute(_OPEN, {"item": item.model_dump_json()})


async def take(session: AsyncSession, item_id: str, taking: Taking) -> ItemInSuspense:
    """The item is being ended, and by nothing else; ItemEnded when it is not open, or another merchant's."""
    item: dict[str, Any] | None = await session.scalar(_TAKE, {**vars(taking), "item_id": item_id})
    if item is None:
        raise ItemEnded
    return ItemInSuspense.model_validate({name: item[name] for name in ItemInSuspense.model_fields})


async def end(session: AsyncSession, item_id: str, object_id: str) -> None:
    """The item is ended by this object, because its money left suspense; nobody has to look at its cause any more."""
    await session.execute(_END, {"item_id": item_id, "object_id": object_id})


async def reopen(session: AsyncSession, item_id: str, object_id: str) -> None:
    """The item is open again, because this object did not take its money out after all."""
    await session.execute(_REOPEN, {"item_id": item_id, "object_id": object_id})


async def find(session: AsyncSession, item_id: str) -> SuspenseItem | None:
    """The item as it is now; None when there is none."""
    return await session.get(SuspenseItem, item_id)


async def items(session: AsyncSession, wanted: ItemFilter, *, limit: int) -> list[SuspenseItem]:
    """The newest `limit` items that match."""
    merchants = {one for one in (wanted.caller_id, wanted.merchant_id) if one is not None}
    statement = select(SuspenseItem).order_by(col(SuspenseItem.id).desc()).limit(limit)
    for merchant_id in merchants:
        statement = statement.where(SuspenseItem.merchant_id == merchant_id)
    if wanted.state is not None:
        statement = statement.where(SuspenseItem.state == wanted.state)
    if wanted.after is not None:
        statement = statement.where(col(SuspenseItem.id) < wanted.after)
    return list((await session.scalars(statement)).all())
