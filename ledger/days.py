"""Days of the book: once sealed, a day takes no posting any more. The caller's session commits; nothing here does."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Date, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from ledger.calls import call

#: The zone in which the book's days begin and end, as `ledger_zone()` has it.
ZONE = ZoneInfo("Asia/Shanghai")


class SealedDay(BaseModel):
    """A day that takes no posting any more; its digest contains postings, entries, balances and the day before."""

    model_config = ConfigDict(frozen=True)

    day: date
    sealed_at: datetime
    postings: int
    digest: bytes
    previous_digest: bytes | None


_COLUMNS = "day, sealed_at, postings, digest, previous_digest"
_SEAL = text("SELECT ledger_seal_day(:day)").bindparams(bindparam("day", type_=Date))
_DAY = text(f"SELECT {_COLUMNS} FROM sealed_day WHERE day = :day").bindparams(bindparam("day", type_=Date))  # noqa: S608 - a constant
_LAST = text(f"SELECT {_COLUMNS} FROM sealed_day ORDER BY day DESC LIMIT 1")  # noqa: S608 - a constant
_AFTER = text(
    f"SELECT {_COLUMNS} FROM sealed_day WHERE day > :day ORDER BY day"  # noqa: S608 - a constant
).bindparams(bindparam("day", type_=Date))
_CHANGED = text("""
    SELECT day FROM sealed_day
    WHERE day > (SELECT ledger_horizon_day()) AND digest <> ledger_day_digest(day, previous_digest)
        OR previous_digest IS DISTINCT FROM (
            SELECT before.digest FROM sealed_day AS before WHERE before.day < sealed_day.day ORDER BY day DESC LIMIT 1
        )
    ORDER BY day
""")


async def seal_day(session: AsyncSession, day: date) -> SealedDay | None:
    """Every day up to this one is sealed, in order; a repeat answers the same.

    None for a day before the first that can have a posting. Waits for the postings under way of those days. DayNotOver.
    """
    await call(session, _SEAL, {"day": day})
    row = (await session.execute(_DAY, {"day": day})).one_or_none()
    return None if row is None else SealedDay.model_validate(row, from_attributes=True)


async def last_sealed(session: AsyncSession) -> SealedDay | None:
    """The newest day that is sealed; None before the first."""
    row = (await session.execute(_LAST)).one_or_none()
    return None if row is None else SealedDay.model_validate(row, from_attributes=True)


async def sealed_after(session: AsyncSession, day: date | None) -> tuple[SealedDay, ...]:
    """The sealed days after this one, oldest first; all of them for None."""
    rows = (await session.execute(_AFTER, {"day": day or date.min})).all()
    return tuple(SealedDay.model_validate(row, from_attributes=True) for row in rows)


async def changed_days(session: AsyncSession) -> tuple[date, ...]:
    """The sealed days whose postings, entries, balances or chain are not what was sealed; reads the whole book.

    Of a day in the archive the chain alone is asked.
    """
    return tuple((await session.execute(_CHANGED)).scalars())
