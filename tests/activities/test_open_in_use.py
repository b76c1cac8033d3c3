"""`open` commits its payment also while another one has what it would hold."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from activities.funds import Funds
from activities.inventory import Inventory
from activities.local_branches import LocalBranches
from activities.payment import PaymentSteps
from channels.http import make_client
from channels.registry import Channels
from domain.commands import PaymentView, StepCommand
from domain.errors import NotFound
from domain.ids import new_payment_id
from store import payments
from store.channel_accounts import ChannelAccounts
from store.database import LOCK_TIMEOUT_MS, Database
from store.secrets import SecretBox
from tests.activities.till import Till
from tests.support.servers import Addresses

_LOCK = text("SELECT FROM stock WHERE merchant_id = :merchant_id AND sku = ANY(:skus) ORDER BY sku FOR UPDATE")


_KEEP = text(
    "INSERT INTO payment_request (payment_id, merchant_id, body)"
    " VALUES (:payment_id, :merchant_id, jsonb_build_object('currency', 'CNY'))"
)
_RULE = text("INSERT INTO merchant_rule (merchant_id, operation, currency) VALUES (:merchant_id, 'payment', 'CNY')")


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


async def lock_wait(database: Database, payment_id: str, *, holds: bool) -> str:
    """How long the transaction that opens the payment waits for a lock."""
    async with database.transaction("test") as session:
        await payments.begin_open(session, payment_id, holds=holds)
        return str(await session.scalar(text("SHOW lock_timeout")))


async def begun(database: Database, payment_id: str) -> tuple[PaymentView | None, dict[str, Any] | None]:
    """What there is to open from."""
    async with database.transaction("test") as session:
        opening = await payments.begin_open(session, payment_id, holds=True)
    return opening.view, opening.request


async def kept_request(till: Till, *, ruled: bool, payment_id: str | None = None) -> str:
    """That payment's request, or that of one which is not open yet; with `ruled` its merchant has a rule for it."""
    payment_id = payment_id or new_payment_id()
    async with till.database.transaction("test") as session:
        await session.execute(_KEEP, {"payment_id": payment_id, "merchant_id": till.merchant_id})
        if ruled:
            await session.execute(_RULE, {"merchant_id": till.merchant_id})
    return payment_id


async def test_only_what_holds_at_once_gives_up_early(database: Database) -> None:
    """A limit's counter is waited for like any lock, and so is everything where the opening holds nothing."""
    unruled = await kept_request(await Till(database).open(), ruled=False)
    ruled = await kept_request(await Till(database).open(), ruled=True)
    assert "300ms" == await lock_wait(database, unruled, holds=True)
    assert f"{LOCK_TIMEOUT_MS}ms" == await lock_wait(database, unruled, holds=False)
    assert f"{LOCK_TIMEOUT_MS}ms" == await lock_wait(database, ruled, holds=True)
    till = await Till(database).open()
    counted = await kept_request(till, ruled=True, payment_id=await till.payment())
    assert "300ms" == await lock_wait(database, counted, holds=True)


async def test_what_nobody_asked_for_does_not_open(database: Database, steps: PaymentSteps) -> None:
    """A payment begins with a request that was kept."""
    assert (None, None) == await begun(database, new_payment_id())
    with pytest.raises(NotFound):
        await steps.open(StepCommand(payment_id=new_payment_id()))
