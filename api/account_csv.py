"""A statement as CSV: every entry of the days asked for, written as it is read, page after page."""

import csv
import io
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from api.account_reading import DaysQuery, require_own
from api.auth import Caller
from api.services import Services
from domain.money import Currency
from ledger import accounts as book
from ledger.accounts import AccountBalance, StatementCursor, StatementEntry

ENTRIES_A_PAGE = 500
COLUMNS = (
    *("posting_id", "booked_on", "event_at", "kind", "object_id"),
    *("amount_minor", "balance_minor", "currency", "belongs_to", "corrects"),
)
#: What a spreadsheet would take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def statement_csv(services: Services, caller: Caller, account_id: str, query: DaysQuery) -> StreamingResponse:
    """The whole range, newest first, with a header; UnknownAccount when it is another merchant's.

    No connection is kept while the caller reads: each page is one statement of its own, and entries never change.
    """
    async with services.database.reading() as session:
        account = await require_own(session, caller, account_id)
    return StreamingResponse(
        _lines(services, account, query),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="statement.csv"'},
    )


async def _lines(services: Services, account: AccountBalance, query: DaysQuery) -> AsyncIterator[str]:
    yield _written([COLUMNS])
    after: StatementCursor | None = None
    while True:
        async with services.database.reading("statement.csv") as session:
            entries = await book.statement(
                session, account.id, after=after, limit=ENTRIES_A_PAGE, booked=query.booked()
            )
        yield _written([_row(entry, account.currency) for entry in entries])
        if len(entries) < ENTRIES_A_PAGE:
            return
        after = entries[-1].cursor


def _row(entry: StatementEntry, currency: Currency) -> tuple[object, ...]:
    """Amounts are plain integers; text that a spreadsheet would run is quoted."""
    fields = {**entry.model_dump(mode="json"), "currency": str(currency)}
    return tuple(_safe(fields[name]) for name in COLUMNS)


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _written(rows: list[tuple[object, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
