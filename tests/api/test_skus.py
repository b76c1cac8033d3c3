"""Products and stock over REST."""

from tests.support.centre import Centre
from tests.support.shop import PRICE_MINOR, STOCK, Shop


async def test_a_product_shows_its_stock_summed_and_by_warehouse(shop: Shop) -> None:
    """What a payment reserves is seen at once."""
    await shop.call("PUT", f"/v1/skus/{shop.sku}/stock", {"warehouse": "east", "on_hand": 7})
    await shop.pay(lines=True)
    product = await shop.get(f"/v1/skus/{shop.sku}")
    assert ("on_sale", STOCK + 7, 2, 0) == (product["state"], product["on_hand"], product["reserved"], product["sold"])
    assert [("east", 7), ("main", STOCK)] == [(one["warehouse"], one["on_hand"]) for one in product["warehouses"]]


async def test_the_same_product_again_is_the_same_call(shop: Shop) -> None:
    """Other fields are refused, because payments were priced by these."""
    body = {"sku": "cup", "name": "Cup", "unit_price_minor": 500, "currency": "CNY"}
    first = await shop.call("POST", "/v1/skus", body)
    again = await shop.call("POST", "/v1/skus", body)
    other = await shop.call("POST", "/v1/skus", body | {"unit_price_minor": 501})
    assert (201, first.json(), "true") == (again.status_code, again.json(), again.headers["Idempotent-Replayed"])
    assert (409, "already_exists") == (other.status_code, other.json()["code"])


async def test_stock_never_falls_below_what_is_promised(shop: Shop) -> None:
    """Reserved and sold pieces are still there."""
    await shop.pay(lines=True)
    path = f"/v1/skus/{shop.sku}/stock"
    refused = await shop.call("PUT", path, {"on_hand": 1})
    assert (409, "stock_below_commitments") == (refused.status_code, refused.json()["code"])
    assert 2 == (await shop.call("PUT", path, {"on_hand": 2})).json()["on_hand"]


async def test_lines_cost_what_the_catalogue_says(shop: Shop) -> None:
    """A line without a price is priced by the product."""
    body = shop.order(amount_minor=PRICE_MINOR) | {"lines": [{"sku": shop.sku, "quantity": 1}]}
    assert "awaiting_payer" == (await shop.post("/v1/payments", body))["state"]


async def test_a_product_off_sale_makes_the_payment_fail(shop: Shop) -> None:
    """It exists, so the request is valid; selling it is refused by the saga."""
    product = {"sku": "old", "name": "Old", "unit_price_minor": 100, "currency": "CNY", "on_sale": False}
    await shop.post("/v1/skus", product)
    await shop.call("PUT", "/v1/skus/old/stock", {"on_hand": 5})
    failed = await shop.post("/v1/payments", shop.order(amount_minor=100) | {"lines": [{"sku": "old", "quantity": 1}]})
    assert ("failed", "sku_off_sale") == (failed["state"], failed["failure"]["code"])


async def test_another_merchants_product_does_not_exist(centre: Centre, shop: Shop) -> None:
    """Neither to read nor to stock."""
    other = await Shop.open(centre)
    path = f"/v1/skus/{other.sku}"
    for answer in (await shop.call("GET", path), await shop.call("PUT", f"{path}/stock", {"on_hand": 1})):
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])
