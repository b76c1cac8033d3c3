"""The column kinds of every table: what SQLModel would guess is too narrow for money, states and times."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

NOW = text("now()")


def words(*, default: str | None = None, key: bool = False, nullable: bool = False) -> Any:  # noqa: ANN401 - a field
    """Text without a length limit of its own; limits are the API's."""
    server_default = None if default is None else text(f"'{default}'")
    return Field(
        default=default,
        sa_column=Column(Text, primary_key=key, nullable=nullable and not key, server_default=server_default),
    )


def maybe_words() -> Any:  # noqa: ANN401 - a field
    """Text that may be null."""
    return words(nullable=True)


def whole(*, default: int | None = None, key: bool = False, nullable: bool = False) -> Any:  # noqa: ANN401 - a field
    """A 64-bit integer: money, counters, versions."""
    server_default = None if default is None else text(str(default))
    return Field(
        default=default,
        sa_column=Column(
            BigInteger,
            primary_key=key,
            autoincrement=False,
            nullable=nullable and not key,
            server_default=server_default,
        ),
    )


def moment(*, nullable: bool = False, now: bool = False) -> Any:  # noqa: ANN401 - a field
    """An aware timestamp."""
    return Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=nullable, server_default=NOW if now else None),
    )


def document(*, name: str | None = None, nullable: bool = False) -> Any:  # noqa: ANN401 - a field
    """A JSON document; never null unless said so, empty object by default."""
    kind = JSONB(none_as_null=True)
    default = None if nullable else text("'{}'::jsonb")
    column = (
        Column(name, kind, nullable=nullable, server_default=default)
        if name
        else Column(kind, nullable=nullable, server_default=default)
    )
    return Field(default=None, sa_column=column)


def one_of(column: str, values: type[Any] | tuple[str, ...]) -> CheckConstraint:
    """The CHECK that a state column holds one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
