"""How a function of the book is called, and how its refusals arrive."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.errors import refusal


async def call(session: AsyncSession, statement: TextClause, arguments: dict[str, Any]) -> Row[Any]:
    """The one row that a function of the book answers; its refusals arrive as errors of the domain or the ledger."""
    (row,) = await call_rows(session, statement, arguments)
    return row


async def call_rows(session: AsyncSession, statement: TextClause, arguments: dict[str, Any]) -> Sequence[Row[Any]]:
    """The rows that a function of the book answers; refused in the same way."""
    try:
        return (await session.execute(statement, arguments)).all()
    except DBAPIError as error:
        if refused := refusal(error):
            raise refused from error
        raise
