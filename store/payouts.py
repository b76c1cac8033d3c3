"""Payout rows: each function is one statement inside the caller's transaction."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import NotFound
from domain.outgoing import PayoutView
from domain.states import PayoutState

Snapshot = dict[str, Any]


@dataclass(frozen=True)
class PayoutFilter:
    """Which payouts are looked for; what is None does not matter. `after` is the last id that was seen."""

    merchant_id: str | None = None
    payout_no: str | None = None
    account_id: str | None = None
    state: PayoutState | None = None
    after: str | None = None


_INSERT = text("SELECT payout_insert(CAST(:payout AS jsonb))")
_VIEW = text("SELECT payout_view(:id)")
_SEND = text("SELECT payout_send(:id)")
_RECORD = text("SELECT payout_record(:id, CAST(:columns AS jsonb), CAST(:evidence AS jsonb), :event)")
#: `read_at` is the database's clock, which all processes share: theirs may be wrong, and decide nothing.
_ROW = (
    "SELECT p.*, m.attention_after_s, clock_timestamp() AS read_at"
    " FROM payout p JOIN merchant m ON m.id = p.merchant_id WHERE p.id = :id"
)
_LOCK, _READ = text(f"{_ROW} FOR UPDATE OF p"), text(_ROW)
_SNAPSHOT = text("SELECT payout_snapshot(:id)")
_SNAPSHOTS = "SELECT jsonb_build_object('payout', payout_shown(p)) FROM payout p"
#: Each filter of a look-up and its condition; only those that are asked for become part of the statement.
_CONDITIONS = {
    "merchant_id": "p.merchant_id = :merchant_id",
    "payout_no": "p.payout_no = :payout_no",
    "account_id": "p.account_id = :account_id",
    "state": "p.state = :state",
    "after": "p.id < :after",
}


async def insert(session: AsyncSession, payout: dict[str, Any]) -> PayoutView:
    """The payout exists, its leg is an intent; destination and metadata are those of the kept request."""
    return PayoutView.model_validate(await session.scalar(_INSERT, {"payout": json.dumps(payout)}))


async def find(session: AsyncSession, payout_id: str) -> PayoutView | None:
    """The payout as its workflow needs it; None when there is none yet."""
    found = await session.scalar(_VIEW, {"id": payout_id})
    return None if found is None else PayoutView.model_validate(found)


async def view(session: AsyncSession, payout_id: str) -> PayoutView:
    """The payout as its workflow needs it; NotFound when there is none."""
    found = await find(session, payout_id)
    if found is None:
        raise NotFound(f"no payout {payout_id}")
    return found


async def begin_send(session: AsyncSession, payout_id: str) -> dict[str, Any]:
    """INTENT became SENT where that is allowed; answers whether it is, what was found and what to send."""
    sent: dict[str, Any] = await session.scalar(_SEND, {"id": payout_id})
    return sent


async def lock(session: AsyncSession, payout_id: str) -> dict[str, Any]:
    """The payout's row, locked until the transaction ends; NotFound when there is none."""
    return await _row(session, payout_id, _LOCK)


async def read(session: AsyncSession, payout_id: str) -> dict[str, Any]:
    """The payout's row as it is now; NotFound when there is none."""
    return await _row(session, payout_id, _READ)


async def record(
    session: AsyncSession,
    payout_id: str,
    *,
    columns: dict[str, Any],
    evidence: dict[str, Any] | None = None,
    event: str | None = None,
) -> PayoutView:
    """The payout's columns have changed, its version grown by one, the evidence and the event are written."""
    arguments = {
        "id": payout_id,
        "columns": json.dumps(columns),
        "evidence": None if evidence is None else json.dumps(evidence),
        "event": event,
    }
    return PayoutView.model_validate(await session.scalar(_RECORD, arguments))


async def snapshot(session: AsyncSession, payout_id: str) -> Snapshot | None:
    """The payout as the API shows it, the payee masked; None when there is none."""
    found: Snapshot | None = await session.scalar(_SNAPSHOT, {"id": payout_id})
    return found


async def snapshots(session: AsyncSession, wanted: PayoutFilter, *, limit: int) -> list[Snapshot]:
    """The newest `limit` payouts that match."""
    asked = {name: value for name, value in vars(wanted).items() if value is not None}
    where = " AND ".join(_CONDITIONS[name] for name in asked) or "true"
    statement = text(f"{_SNAPSHOTS} WHERE {where} ORDER BY p.id DESC LIMIT :limit")
    return list((await session.scalars(statement, {**asked, "limit": limit})).all())


async def _row(session: AsyncSession, payout_id: str, statement: Any) -> dict[str, Any]:  # noqa: ANN401 - a text
    found = (await session.execute(statement, {"id": payout_id})).mappings().one_or_none()
    if found is None:
        raise NotFound(f"no payout {payout_id}")
    return dict(found)
