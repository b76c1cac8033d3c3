"""Transfer rows: each function is one statement inside the caller's transaction."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.outgoing import TransferView

Snapshot = dict[str, Any]


@dataclass(frozen=True)
class TransferFilter:
    """Which transfers are looked for; what is None does not matter. `after` is the last id that was seen."""

    merchant_id: str | None = None
    transfer_no: str | None = None
    from_account_id: str | None = None
    to_account_id: str | None = None
    after: str | None = None


_INSERT = text("SELECT transfer_insert(CAST(:transfer AS jsonb))")
_VIEW = text("SELECT transfer_view(:id)")
_SNAPSHOT = text("SELECT transfer_snapshot(:id)")
_SNAPSHOTS = "SELECT jsonb_build_object('transfer', to_jsonb(t)) FROM transfer t"
#: Each filter of a look-up and its condition; only those that are asked for become part of the statement.
_CONDITIONS = {
    "merchant_id": "t.merchant_id = :merchant_id",
    "transfer_no": "t.transfer_no = :transfer_no",
    "from_account_id": "t.from_account_id = :from_account_id",
    "to_account_id": "t.to_account_id = :to_account_id",
    "after": "t.id < :after",
}


async def insert(session: AsyncSession, transfer: dict[str, Any]) -> TransferView:
    """The transfer has succeeded, and its event is written."""
    return TransferView.model_validate(await session.scalar(_INSERT, {"transfer": json.dumps(transfer)}))


async def find(session: AsyncSession, transfer_id: str) -> TransferView | None:
    """The transfer as its workflow needs it; None when there is none yet."""
    found = await session.scalar(_VIEW, {"id": transfer_id})
    return None if found is None else TransferView.model_validate(found)


async def snapshot(session: AsyncSession, transfer_id: str) -> Snapshot | None:
    """The transfer as the API shows it; None when there is none."""
    found: Snapshot | None = await session.scalar(_SNAPSHOT, {"id": transfer_id})
    return found


async def snapshots(session: AsyncSession, wanted: TransferFilter, *, limit: int) -> list[Snapshot]:
    """The newest `limit` transfers that match."""
    asked = {name: value for name, value in vars(wanted).items() if value is not None}
    where = " AND ".join(_CONDITIONS[name] for name in asked) or "true"
    statement = text(f"{_SNAPSHOTS} WHERE {where} ORDER BY t.id DESC LIMIT :limit")
    return list((await session.scalars(statement, {**asked, "limit": limit})).all())
