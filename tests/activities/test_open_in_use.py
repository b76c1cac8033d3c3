"""`open` commits its payment also while another one has what it would hold."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from activities.funds import Funds
from activities.inventory import Inventory
from activities.local_branches import LocalBranches
from activities.payment import PaymentSteps
from channels.http import make_client
from channels.registry import Channels
from domain.commands import StepCommand
from store.channel_accounts import ChannelAccounts
from store.database import Database
from store.secrets import SecretBox
from tests.activities.till import Till
from tests.support.servers import Addresses

_LOCK = text("SELECT FROM stock WHERE merchant_id = :merchant_id AND sku = ANY(:skus) ORDER BY sku FOR UPDATE")


@pytest.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    """The tests' database."""
    connected = Database.connect(addresses.database_url, pool_size=4)
    yield connected
    await connected.close()


@pytest.fixture
async def steps(database: Database, addresses: Addresses) -> AsyncIterator[PaymentSteps]:
    """The steps of a payment, on the tests' database."""
    http = make_client()
    accounts = ChannelAccounts(database, SecretBox(addresses.secret_key))
    yield PaymentSteps(database, accounts, Channels(http), LocalBranches(database, (Inventory(), Funds())))
    await http.aclose()


async def test_a_payment_opens_while_its_products_are_in_use(database: Database, steps: PaymentSteps) -> None:
    """Within the two seconds of the step, without its holds; with them as soon as the products are free."""
    till = await Till(database).open()
    for sku in ("a", "b"):
        await till.stock(sku, 10)
    command = StepCommand(payment_id=await till.payment(("a", 1), ("b", 1)))
    async with database.transaction("test") as session:
        await session.execute(_LOCK, {"merchant_id": till.merchant_id, "skus": ["a", "b"]})
        async with asyncio.timeout(2):
            assert not (await steps.open(command)).holds
    assert (await steps.open(command)).holds
