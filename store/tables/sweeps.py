"""What the sweeper saw, so that anybody can ask whether both sides agree (law 11)."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Identity
from sqlmodel import Field, SQLModel

from store.tables.columns import moment, whole


class SweepRun(SQLModel, table=True):
    """The counts of one run of the sweeper."""

    __tablename__ = "sweep_run"

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    open_objects: int = whole()
    started_again: int = whole()
    open_workflows_of_ended_objects: int = whole()
    dropped_keys: int = whole()
    ran_at: datetime = moment(now=True)
