"""What the book says, read past every API."""

from datetime import UTC, datetime

from sqlalchemy import text

from ledger.sql import invariants
from tests.support.shop import Shop

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_BALANCES = text(
    "SELECT a.kind, sum(e.amount_minor)::bigint AS amount_minor FROM entry e JOIN account a ON a.id = e.account_id"
    " WHERE e.object_id = ANY(:objects) GROUP BY a.kind HAVING sum(e.amount_minor) <> 0"
)
_CHANNEL_ACCOUNT = text(
    "SELECT a.kind, sum(e.amount_minor)::bigint AS amount_minor FROM entry e JOIN account a ON a.id = e.account_id"
    " WHERE a.owner = :owner GROUP BY a.kind"
)


async def balances(shop: Shop, *objects: str) -> dict[str, int]:
    """The sum of the entries about these objects, by kind of account; kinds that come to zero are left out."""
    async with shop.centre.database.reading() as session:
        rows = await session.execute(_BALANCES, {"objects": list(objects)})
        return {row.kind: row.amount_minor for row in rows}


async def channel_account_balances(shop: Shop) -> dict[str, int]:
    """The accounts of the shop's channel account, by kind."""
    async with shop.centre.database.reading() as session:
        rows = await session.execute(_CHANNEL_ACCOUNT, {"owner": shop.channel_account_id})
        return {row.kind: row.amount_minor for row in rows}


async def book_is_sound(shop: Shop) -> None:
    """Every invariant of the book holds now, in one snapshot."""
    async with shop.centre.database.transaction("test.invariants") as session:
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        for name, query in invariants().items():
            assert [] == list(await session.execute(text(query), {"since": _BEGINNING})), name
