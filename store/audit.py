"""The audit of what operators do: appended in the transaction of the act, sealed in blocks by a job."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from domain.ids import new_id
from store.tables.audit import AuditBlock, OperatorAction

_SEAL = text("SELECT * FROM audit_seal()")


class Act(BaseModel):
    """One thing that an operator does: who, what, to which object, and why; before and after where they say more."""

    model_config = ConfigDict(frozen=True)

    actor: str
    action: str
    object_id: str
    reason: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    request_id: str | None = None


class ActFilter(BaseModel):
    """Which actions are looked for; what is None does not matter. `before` is the last number that was seen."""

    model_config = ConfigDict(frozen=True)

    object_id: str | None = None
    action: str | None = None
    before: int | None = None


async def append(session: AsyncSession, act: Act) -> None:
    """The act is kept when the caller's transaction commits, and gone with it otherwise."""
    session.add(OperatorAction(id=new_id("opa"), **act.model_dump()))
    await session.flush()


async def seal(session: AsyncSession) -> AuditBlock | None:
    """The oldest unsealed actions are in a block, which is answered; None when all of them were. One SQL call."""
    row = (await session.execute(_SEAL)).mappings().one_or_none()
    return None if row is None or row["n"] is None else AuditBlock(**row)


async def actions(session: AsyncSession, wanted: ActFilter, *, limit: int) -> list[OperatorAction]:
    """The newest `limit` actions that match."""
    asked = {name: value for name, value in wanted.model_dump(exclude={"before"}).items() if value is not None}
    statement = select(OperatorAction).filter_by(**asked).order_by(col(OperatorAction.seq).desc()).limit(limit)
    if wanted.before is not None:
        statement = statement.where(col(OperatorAction.seq) < wanted.before)
    return list((await session.scalars(statement)).all())
