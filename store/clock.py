"""The clock that decides: the database's, which all processes share. A process's own may be wrong."""

from datetime import datetime
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_NOW = text("SELECT clock_timestamp()")


async def database_now(session: AsyncSession) -> datetime:
    """The moment of this statement, whenever its transaction began."""
    return cast("datetime", await session.scalar(_NOW))
