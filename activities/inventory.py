"""The inventory participant: stock of a sku in a warehouse, behind the reservation row."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import BusinessError, OutOfStock, SkuOffSale, TryAfterCancel

_REFUSALS: dict[str, type[BusinessError]] = {"PI001": OutOfStock, "PI002": SkuOffSale, "PI003": TryAfterCancel}
_RESERVE = text("SELECT inventory_reserve(:payment_id)")
_DEDUCT = text("SELECT inventory_deduct(:payment_id)")
_RELEASE = text("SELECT inventory_release(:payment_id)")


class Inventory:
    """Reserves, deducts and releases the lines of a payment."""

    name = "inventory"

    async def try_(self, session: AsyncSession, payment_id: str) -> None:
        """Each line is reserved in one warehouse; OutOfStock, SkuOffSale, TryAfterCancel."""
        try:
            await session.execute(_RESERVE, {"payment_id": payment_id})
        except DBAPIError as error:
            refusal = _REFUSALS.get(getattr(error.orig, "sqlstate", ""))
            if refusal is None:
                raise
            raise refusal(refusal.title) from error

    async def confirm(self, session: AsyncSession, payment_id: str) -> None:
        """Reserved has become sold."""
        await session.execute(_DEDUCT, {"payment_id": payment_id})

    async def cancel(self, session: AsyncSession, payment_id: str) -> None:
        """Reserved is sellable again."""
        await session.execute(_RELEASE, {"payment_id": payment_id})
