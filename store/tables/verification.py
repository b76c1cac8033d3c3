"""What the invariants said, run by run, and what of it is still to be looked at."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Index, text
from sqlmodel import Field, SQLModel

from store.tables.columns import document, moment, one_of, whole, words


class VerifyRun(SQLModel, table=True):
    """One run over all invariants in one snapshot; `since` is null when everything was looked at."""

    __tablename__ = "verify_run"
    __table_args__ = (one_of("scope", ("changed", "everything")), Index("verify_run_ran_at", "scope", "ran_at"))

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    scope: str = words()
    since: datetime | None = moment(nullable=True)
    invariants: int = whole()
    broken: int = whole()
    rows: int = whole()
    duration_ms: int = whole()
    ran_at: datetime = moment(now=True)


class VerifyFinding(SQLModel, table=True):
    """A row that an invariant returned: it needs attention, has an owner, and ends when a full run finds it no more."""

    __tablename__ = "verify_finding"
    __table_args__ = (Index("verify_finding_open", "last_seen_at", postgresql_where=text("ended_at IS NULL")),)

    invariant: str = words(key=True)
    object_id: str = words(key=True)
    holds: str = words()
    evidence: dict[str, Any] = document()
    owner: str = words()
    first_seen_at: datetime = moment(now=True)
    last_seen_at: datetime = moment(now=True)
    ended_at: datetime | None = moment(nullable=True)
