"""A top-up collects like a payment, and what it collects is the wallet's."""

from collections import Counter
from datetime import timedelta

import pytest

from activities.verification import verify
from domain.commands import PaymentCommand
from tests.support.books import balances, book_is_sound, channel_account_balances
from tests.support.centre import Centre
from tests.support.shop import Shop
from tests.support.top_ups import TOP_UP_MINOR, Purse
from tests.workflows.test_sweeper import sweep
from workflows.top_up import TopUpWorkflow

#: One top-up, from `open` to `succeeded`: a payment's transactions less its try, for nothing of ours is held.
TRANSACTIONS = {"payment.open": 1, "channel.sent": 1, "channel.known": 1, "channel.callback": 1, "funds.confirm": 1}


@pytest.fixture
async def purse(shop: Shop) -> Purse:
    return await Purse.open(shop)


async def test_a_paid_top_up_is_the_wallets(purse: Purse) -> None:
    """Clearing −x, wallet +x, and one event; nothing of it is the merchant's."""
    top_up = await purse.paid()
    assert {"channel_clearing": -TOP_UP_MINOR, "wallet": TOP_UP_MINOR} == await balances(purse.shop, top_up["id"])
    assert (TOP_UP_MINOR, 0) == await purse.balance()
    event = (await purse.shop.events("top_up.succeeded"))[0]["data"]["object"]
    assert (top_up["id"], purse.wallet_id, TOP_UP_MINOR) == (event["id"], event["account_id"], event["net_minor"])
    assert [] == (await purse.shop.get("/v1/events?type=payment.succeeded"))["items"]
    await book_is_sound(purse.shop)


async def test_a_top_up_costs_no_more_transactions_than_a_payment(purse: Purse) -> None:
    """One call of the database for each step, and none for a try that would hold nothing."""
    centre = purse.shop.centre
    assert centre.parts is not None
    before = Counter(centre.parts.database.commits)
    top_up = await purse.paid()
    steps = Counter(centre.parts.database.commits) - before
    assert TRANSACTIONS == {name: count for name, count in steps.items() if not name.startswith("event.")}
    assert top_up["version"] == 4


async def test_the_rules_fee_is_taken_from_what_arrives(purse: Purse) -> None:
    """The payer pays the amount, the wallet gets the rest, and a later rule changes nothing about it."""
    await purse.ruled(fee={"rate_bps": 100, "fixed_minor": 10}, minimum_minor=100)
    started = await purse.top_up()
    await purse.ruled(fee={"rate_bps": 200})
    await purse.shop.payer_pays(started["out_no"])
    top_up = await purse.until(started["id"], "succeeded")
    assert (60, TOP_UP_MINOR - 60) == (top_up["fee_minor"], top_up["net_minor"])
    expected = {"channel_clearing": -TOP_UP_MINOR, "wallet": TOP_UP_MINOR - 60, "platform_fee": 60}
    assert expected == await balances(purse.shop, top_up["id"])
    await book_is_sound(purse.shop)


async def test_polling_alone_brings_a_top_up_home(purse: Purse) -> None:
    """Losing every callback loses no money (law 8)."""
    started = await purse.top_up()
    await purse.shop.fault("callback", "lost", times=20, out_no=started["out_no"])
    await purse.shop.payer_pays(started["out_no"])
    await purse.until(started["id"], "succeeded")
    assert (TOP_UP_MINOR, 0) == await purse.balance()


async def test_a_send_whose_outcome_is_unknown_is_found_by_query(purse: Purse) -> None:
    """Unknown is not failed (law 5): the payer pays the order that the channel had all along."""
    await purse.shop.fault_at_app("pay", "accept_then_timeout")
    started = await purse.top_up()
    waiting = await purse.until(started["id"], "awaiting_payer")
    await purse.shop.payer_pays(waiting["out_no"])
    await purse.until(started["id"], "succeeded")
    await book_is_sound(purse.shop)


async def test_an_unpaid_top_up_is_closed(purse: Purse) -> None:
    """By the business; nothing is posted."""
    started = await purse.top_up()
    await purse.shop.post(f"/v1/top_ups/{started['id']}/close", None)
    closed = await purse.until(started["id"], "closed")
    assert "requested" == closed["close_reason"]
    assert 1 == len(await purse.shop.events("top_up.closed"))
    assert ({}, (0, 0)) == (await balances(purse.shop, started["id"]), await purse.balance())


async def test_late_money_of_a_top_up_goes_back_to_the_payer(purse: Purse) -> None:
    """Closed stays closed: the wallet gets nothing, the payer's money is unapplied until its refund (law 9)."""
    shop, started = purse.shop, await purse.top_up()
    await shop.post(f"/v1/top_ups/{started['id']}/close", None)
    await purse.until(started["id"], "closed")
    await shop.payer_pays(started["out_no"], force=True)
    await shop.watch_until_returned(started["id"], "top_ups")
    assert ("closed", (0, 0)) == ((await purse.now(started["id"]))["state"], await purse.balance())
    assert {"channel_clearing": 0, "unapplied": 0} == await channel_account_balances(shop)
    assert 1 == len(await shop.events("late_payment.refunded"))
    await book_is_sound(shop)


async def test_a_wrong_amount_fills_no_wallet(purse: Purse) -> None:
    """It waits in suspense, and goes back."""
    await purse.shop.fault_at_app("pay", "wrong_amount")
    started = await purse.top_up()
    await purse.shop.payer_pays(started["out_no"])
    closed = await purse.until(started["id"], "closed")
    await purse.shop.watch_until_returned(started["id"], "top_ups")
    assert ("amount_mismatch", (0, 0)) == (closed["close_reason"], await purse.balance())
    await book_is_sound(purse.shop)


async def test_a_switched_top_up_is_paid_by_its_new_attempt(purse: Purse) -> None:
    """The old order is closed at the channel first (law 10)."""
    started = await purse.top_up()
    path = f"/v1/top_ups/{started['id']}/switch"
    switched = await purse.shop.post(path, {"channel": "sim", "invoke": "page"})
    assert ["closed", "waiting"] == [one["state"] for one in switched["attempts"]]
    await purse.shop.payer_pays(switched["out_no"])
    await purse.until(started["id"], "succeeded")
    assert (TOP_UP_MINOR, 0) == await purse.balance()


async def test_a_terminated_top_up_is_started_again_as_what_it_is(purse: Purse) -> None:
    """The sweeper starts the same kind of workflow from rows (law 11)."""
    temporal, started = purse.shop.centre.temporal, await purse.top_up()
    await temporal.get_workflow_handle(started["id"]).terminate("by hand")
    await sweep(purse.shop)
    described = await temporal.get_workflow_handle(started["id"]).describe()
    assert "TopUp" == described.workflow_type
    await purse.shop.payer_pays(started["out_no"])
    await purse.until(started["id"], "succeeded")
    assert (TOP_UP_MINOR, 0) == await purse.balance()


@pytest.mark.parametrize(("age", "resumed"), [(timedelta(minutes=50), True), (timedelta(hours=2), False)])
async def test_a_claim_whose_owner_died_is_resumed_until_it_is_dropped(
    purse: Purse, age: timedelta, *, resumed: bool
) -> None:
    """The same call goes on with the same id; after an hour without a top-up the number is forgotten (law 12)."""
    body = purse.body()
    claimed_id = await purse.claimed(body, age=age)
    await sweep(purse.shop)
    top_up = await purse.shop.post("/v1/top_ups", body)
    assert (resumed, "awaiting_payer") == (top_up["id"] == claimed_id, top_up["state"])
    assert top_up["id"] == (await purse.shop.post("/v1/top_ups", body))["id"]


async def test_the_saga_says_that_it_is_a_top_up(purse: Purse) -> None:
    """In the API and in the Temporal UI."""
    started = await purse.top_up()
    saga = await purse.shop.get(f"/v1/top_ups/{started['id']}/saga")
    assert ("workflow", "top_up", "awaiting_payer") == (saga["source"], saga["purpose"], saga["state"])
    described = await purse.shop.centre.temporal.get_workflow_handle(started["id"]).describe()
    summary = f"top-up {started['top_up_no']}: 50.00 CNY by sim qr"
    assert summary == await described.static_summary()


async def test_no_invariant_names_a_top_up(purse: Purse) -> None:
    """Paid with a fee, closed, and paid late: what is verified of payments holds for top-ups too."""
    shop = purse.shop
    await purse.ruled(fee={"rate_bps": 100}, daily_minor=2 * TOP_UP_MINOR)
    paid, closed = await purse.paid(), await purse.top_up()
    await shop.post(f"/v1/top_ups/{closed['id']}/close", None)
    await purse.until(closed["id"], "closed")
    await shop.payer_pays(closed["out_no"], force=True)
    await shop.watch_until_returned(closed["id"], "top_ups")
    rows = str([verdict.rows for verdict in (await verify(shop.centre.database)).broken])
    assert [] == [one for one in (paid["id"], closed["id"], closed["out_no"], purse.wallet_id) if one in rows]


@pytest.mark.parametrize("closing_first", [True, False])
async def test_a_wallet_is_not_closed_under_a_top_up(purse: Purse, *, closing_first: bool) -> None:
    """Whichever comes first: an open top-up keeps its wallet open, a closed wallet refuses the top-up."""
    top_up_id = await purse.kept()
    command = PaymentCommand(payment_id=top_up_id, merchant_id=purse.shop.merchant_id)
    if closing_first:
        assert 200 == await purse.act("close")
    temporal = purse.shop.centre.temporal
    await temporal.start_workflow(TopUpWorkflow.run, command, id=top_up_id, task_queue="saga")
    if closing_first:
        await temporal.get_workflow_handle(top_up_id).result()
        failed = await purse.now(top_up_id)
        assert ("failed", "account_closed", []) == (failed["state"], failed["failure"]["code"], failed["attempts"])
    else:
        await _until_open(purse, top_up_id)
        assert 409 == await purse.act("close")


async def _until_open(purse: Purse, top_up_id: str) -> None:
    handle = purse.shop.centre.temporal.get_workflow_handle(top_up_id)
    await handle.execute_update(TopUpWorkflow.pay)


async def test_money_that_the_merchant_holds_fills_no_wallet(centre: Centre) -> None:
    """Its own contract with the channel: the money never reaches us, so we owe the payer nothing."""
    purse = await Purse.open(await Shop.open(centre, funds_holder="merchant"))
    refused = await purse.shop.call("POST", "/v1/top_ups", purse.body())
    assert (422, "channel_not_configured") == (refused.status_code, refused.json()["code"])
    assert [] == (await purse.shop.get("/v1/top_ups"))["items"]
