"""Shops of other kinds."""

import pytest

from tests.support.centre import Centre
from tests.support.shop import Shop


@pytest.fixture
async def centre_shop_of_merchant(centre: Centre) -> Shop:
    """The channel's money reaches the merchant itself."""
    return await Shop.open(centre, funds_holder="merchant")


@pytest.fixture
async def careless_shop(centre: Centre) -> Shop:
    """The channel never proves a close, and the merchant accepts that the loser of a switch is refunded."""
    return await Shop.open(centre, close_proof="none", switch_unproven=True)


@pytest.fixture
async def shop_without_proof(centre: Centre) -> Shop:
    """The channel never proves a close, and the merchant did not accept that."""
    return await Shop.open(centre, close_proof="none")
