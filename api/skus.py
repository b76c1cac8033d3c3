"""Products and their stock."""

from typing import Annotated

from fastapi import Path, Response

from api.answers import answer
from api.auth import MerchantCaller
from api.documentation import FOR_A_KEY, problems
from api.fields import VISIBLE_ASCII
from api.idempotency import REPLAYED, IdempotencyKey
from api.json_bodies import JsonRouter
from api.services import FromServices
from api.setup_bodies import SkuBody, StockBody
from api.sku_rows import add_sku, set_stock, sku_now
from domain.errors import AlreadyExists, NotFound, StockBelowCommitments
from domain.resources import SkuObject

router = JsonRouter(prefix="/v1/skus", tag="catalogue")

SkuInPath = Annotated[str, Path(max_length=64, pattern=VISIBLE_ASCII)]


@router.post("", status_code=201, response_model=SkuObject, responses=problems(*FOR_A_KEY, AlreadyExists))
async def make_sku(body: SkuBody, merchant_id: MerchantCaller, key: IdempotencyKey, services: FromServices) -> Response:
    """Add a product; the same product again is the same call."""
    product, replayed = await add_sku(services, merchant_id, body=body, key=key)
    return answer(product, 201, REPLAYED if replayed else None)


@router.get("/{sku}", response_model=SkuObject, responses=problems(NotFound))
async def get_sku(sku: SkuInPath, merchant_id: MerchantCaller, services: FromServices) -> Response:
    """Read a product with its stock, summed and by warehouse."""
    return answer(await sku_now(services, merchant_id, sku))


@router.put("/{sku}/stock", response_model=SkuObject, responses=problems(NotFound, StockBelowCommitments))
async def put_stock(sku: SkuInPath, body: StockBody, merchant_id: MerchantCaller, services: FromServices) -> Response:
    """Say what a warehouse has; not below what is reserved and sold."""
    return answer(await set_stock(services, merchant_id, sku=sku, body=body))
