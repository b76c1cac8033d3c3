"""What a payment costs, in numbers that do not depend on the machine: a step more is noticed here."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from bench.metrics import count_by, read_page
from tests.support.centre import Centre, eventually
from tests.support.payee import fund_at_channel, pay_out, payout_until
from tests.support.refunds import Refunds
from tests.support.servers import Addresses
from tests.support.shop import Shop, operator

#: One mixed payment, from `open` to `succeeded`.
TRANSACTIONS = {
    "payment.open": 1,
    "channel.sent": 1,
    "channel.known": 1,
    "channel.callback": 1,
    "inventory+funds.confirm": 1,
}
#: One payout that the channel pays at once; the claim is the API's own.
PAYOUT_TRANSACTIONS = {"payout.open": 1, "payout.sent": 1, "payout.known": 1, "payout.confirm": 1}
TRANSFER_TRANSACTIONS = {"transfer.post": 1}
HISTORY_EVENTS = 22
BILLABLE_ACTIONS = 7
#: One refund by the channel, from its try to `succeeded`; the API's claim is one more.
REFUND_TRANSACTIONS = {"refund.open": 1, "refund.sent": 1, "refund.known": 1, "refund.confirm": 1}


async def actions(centre: Centre) -> Counter[str]:
    """The billable actions of the centre's own namespace, as the server counts them."""
    page = await read_page(centre.addresses.temporal_metrics)
    return count_by(page, "action", "action_type", namespace=centre.settings.temporal_namespace)


@pytest.fixture
async def quiet(addresses: Addresses) -> AsyncIterator[Centre]:
    """A centre where nothing else happens."""
    async with Centre.running(addresses) as running:
        yield running


async def test_a_mixed_payment_costs_five_transactions_and_seven_actions(quiet: Centre) -> None:
    """Lines, balance part and channel part; a fault-free run on a quiet namespace."""
    centre, shop = quiet, await Shop.open(quiet)
    assert centre.parts is not None
    before, committed = await actions(centre), Counter(centre.parts.database.commits)
    started = await shop.pay(lines=True, balance_minor=1_000)
    await shop.payer_pays(started["out_no"])
    await shop.until(started["id"], "succeeded")
    steps = Counter(centre.parts.database.commits) - committed
    assert TRANSACTIONS == {name: count for name, count in steps.items() if not name.startswith("event.")}

    async def billed() -> int:
        return (await actions(centre) - before).total()

    assert BILLABLE_ACTIONS == await eventually(billed, lambda count: count >= BILLABLE_ACTIONS)
    history = await centre.temporal.get_workflow_handle(started["id"]).fetch_history()
    assert HISTORY_EVENTS == len(history.events)


async def test_a_payout_costs_four_transactions_and_its_claim(quiet: Centre) -> None:
    """Open and try are one; sent and done are posted in one."""
    shop = await Shop.open(quiet)
    await fund_at_channel(shop)
    await shop.fault_at_app("callback", "lost", times=5)
    before = worked(quiet)
    started = await pay_out(shop)
    await payout_until(shop, started["id"], "succeeded")
    await payout_closed(quiet, started["id"])
    assert PAYOUT_TRANSACTIONS == worked(quiet) - before


async def test_a_transfer_costs_one_transaction_and_its_claim(quiet: Centre) -> None:
    """Row, limits, posting and event stand or fall together."""
    shop, other = await Shop.open(quiet), await Shop.open(quiet)
    before = worked(quiet)
    body = {"from_account_id": shop.wallet_id, "to_account_id": other.wallet_id, "amount_minor": 5, "currency": "CNY"}
    await operator(quiet, "POST", "/v1/transfers", {"transfer_no": "transfer-1", **body})
    assert TRANSFER_TRANSACTIONS == worked(quiet) - before


def worked(centre: Centre) -> Counter[str]:
    """The transactions of steps that the worker has committed so far; telling events is not theirs."""
    assert centre.parts is not None
    return Counter({name: count for name, count in centre.parts.database.commits.items() if "event." not in name})


async def payout_closed(centre: Centre, payout_id: str) -> None:
    """The payout's workflow has ended."""
    await centre.temporal.get_workflow_handle(payout_id).result()


async def test_a_refund_costs_four_transactions_and_its_claim(quiet: Centre) -> None:
    """Quota, limits and hold are one; posting, restock and end are one."""
    centre, shop = quiet, await Shop.open(quiet)
    assert centre.parts is not None
    refunds = Refunds(shop)
    paid = await refunds.paid(lines=True, balance_minor=1_000)
    await shop.events("payment.succeeded")
    committed = Counter(centre.parts.database.commits)
    await refunds.given_back(paid["id"], 1_000, lines=[{"line_no": 1, "quantity": 1}])
    steps = Counter(centre.parts.database.commits) - committed
    assert REFUND_TRANSACTIONS == {name: count for name, count in steps.items() if not name.startswith("event.")}
    assert 1 == await refunds.claims()
