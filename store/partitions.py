"""The partitions of the tables that only grow: made ahead, and detached into the schema `archive` when they are old."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

#: Periods that have their partitions before they begin.
PERIODS_AHEAD = 2

_AHEAD = text("SELECT partition_ahead(:days, :periods)")
_ARCHIVE = text("SELECT archived, kept_for FROM partition_archive(:before)")


async def make_ahead(session: AsyncSession, days: int) -> int:
    """Every partitioned table has a partition of so many days for now and for what comes; answers how many are new.

    Waits for a lock of the default partitions for a second at most; then it fails, and nothing was made.
    """
    return int((await session.execute(_AHEAD, {"days": days, "periods": PERIODS_AHEAD})).scalar_one())


async def archive_oldest(session: AsyncSession, before: datetime) -> tuple[int, str | None]:
    """The partitions of the oldest period, if it ended `before`, are detached; answers how many, and else why not.

    Neither when there is none so old. Waits for each table's lock for a fifth of a second; then it fails whole.
    """
    row = (await session.execute(_ARCHIVE, {"before": before})).one()
    return row.archived, row.kept_for
