"""What operators did by hand, sealed in a chain so that a changed row is found."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, LargeBinary
from sqlmodel import Field, SQLModel

from store.tables.columns import document, maybe_words, moment, whole, words


def _hash() -> Any:  # noqa: ANN401 - a field
    return Field(sa_column=Column(LargeBinary, nullable=False))


class OperatorAction(SQLModel, table=True):
    """Who did what to which object and why; appended only, in the transaction of the act. A trigger refuses changes."""

    __tablename__ = "operator_action"
    __table_args__ = (
        Index("operator_action_seq", "seq", unique=True),
        Index("operator_action_object_id", "object_id", "seq"),
    )

    id: str = words(key=True)
    seq: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    actor: str = words()
    action: str = words()
    object_id: str = words()
    reason: str | None = maybe_words()
    before: dict[str, Any] | None = document(nullable=True)
    after: dict[str, Any] | None = document(nullable=True)
    request_id: str | None = maybe_words()
    created_at: datetime = moment(now=True)


class AuditBlock(SQLModel, table=True):
    """The actions from the block before it up to `last_seq`; only `audit_seal` writes, and nobody changes one."""

    __tablename__ = "audit_block"
    __table_args__ = (
        CheckConstraint("actions > 0 AND first_seq <= last_seq", name="audit_block_not_empty"),
        Index("audit_block_last_seq", "last_seq", unique=True),
    )

    n: int = whole(key=True)
    first_seq: int = whole()
    last_seq: int = whole()
    actions: int = whole()
    digest: bytes = _hash()
    previous_hash: bytes = _hash()
    hash: bytes = _hash()
    sealed_at: datetime = moment()
