"""What the calls about products write and read."""

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from api.idempotency import request_hash
from api.services import Services
from api.setup_bodies import SkuBody, StockBody
from domain.errors import AlreadyExists, NotFound, StockBelowCommitments
from domain.resources import SkuObject
from store.requests import ObjectClaim, claim_object
from store.tables.catalogue import Sku, Stock

# A warehouse that would fall below its commitments is left as it is, and no row comes back.
_SET_STOCK = text("""
    INSERT INTO stock (merchant_id, sku, warehouse, on_hand) VALUES (:merchant_id, :sku, :warehouse, :on_hand)
    ON CONFLICT (merchant_id, sku, warehouse) DO UPDATE SET on_hand = excluded.on_hand
    WHERE stock.reserved + stock.sold <= excluded.on_hand
    RETURNING on_hand
""")


async def add_sku(services: Services, merchant_id: str, *, body: SkuBody, key: str | None) -> tuple[SkuObject, bool]:
    """The product exists, and whether it did before; AlreadyExists when it differs."""
    async with services.database.transaction("sku.add", body.sku) as session:
        await claim_object(session, ObjectClaim(merchant_id, "skus", request_hash(body), body.sku, key))
        values = {"merchant_id": merchant_id, **body.model_dump(exclude={"metadata"}), "metadata": body.metadata}
        statement = insert(Sku.__table__).values(values).on_conflict_do_nothing()  # type: ignore[attr-defined]
        inserted = await session.execute(statement.returning(Sku.__table__.c.sku))  # type: ignore[attr-defined]
        replayed = inserted.one_or_none() is None
        product = await _shown(session, merchant_id, body.sku)
        if replayed and not _same(product, body):
            raise AlreadyExists("the product exists with other fields")
    return product, replayed


async def sku_now(services: Services, merchant_id: str, sku: str) -> SkuObject:
    """The product; NotFound when this merchant has none."""
    async with services.database.reading() as session:
        return await _shown(session, merchant_id, sku)


async def set_stock(services: Services, merchant_id: str, *, sku: str, body: StockBody) -> SkuObject:
    """The warehouse has that many; StockBelowCommitments when more are reserved and sold."""
    async with services.database.transaction("stock.set", sku) as session:
        await _shown(session, merchant_id, sku)
        values = {"merchant_id": merchant_id, "sku": sku, **body.model_dump()}
        if (await session.execute(_SET_STOCK, values)).one_or_none() is None:
            raise StockBelowCommitments
        return await _shown(session, merchant_id, sku)


def _same(product: SkuObject, body: SkuBody) -> bool:
    return all(getattr(product, name) == value for name, value in body.model_dump().items())


async def _shown(session: AsyncSession, merchant_id: str, sku: str) -> SkuObject:
    product = (await session.scalars(select(Sku).where(Sku.merchant_id == merchant_id, Sku.sku == sku))).one_or_none()
    if product is None:
        raise NotFound("there is no such product")
    of_sku = select(Stock).where(Stock.merchant_id == merchant_id, Stock.sku == sku).order_by(Stock.warehouse)
    stock = (await session.scalars(of_sku.execution_options(populate_existing=True))).all()
    return SkuObject.model_validate(
        {
            **product.model_dump(),
            "id": product.sku,
            "state": "on_sale" if product.on_sale else "off_sale",
            "metadata": product.metadata_,
            "on_hand": sum(row.on_hand for row in stock),
            "reserved": sum(row.reserved for row in stock),
            "sold": sum(row.sold for row in stock),
            "warehouses": [row.model_dump() for row in stock],
        }
    )
