"""Refunds: once per number, never above what was paid, never above the balance."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.simulator.outside import Merchant, Receiver, SimulatorProcess, new_number


@pytest_asyncio.fixture
async def slow_bank(simulator: SimulatorProcess) -> AsyncIterator[SimulatorProcess]:
    await simulator.call("mode", refund_ms=None)
    yield simulator
    await simulator.call("mode", refund_ms=0)


async def test_a_refund_succeeds_and_is_repeatable(merchant: Merchant) -> None:
    """Refund is idempotent by our number; other fields are refused."""
    out_no, refund_no = await merchant.place_paid(), new_number()
    first = await merchant.refund(out_no, 4000, out_refund_no=refund_no)
    again = await merchant.refund(out_no, 4000, out_refund_no=refund_no)
    other = await merchant.refund(out_no, 4001, out_refund_no=refund_no)
    assert "succeeded" == first.body["state"]
    assert first.body == again.body
    assert (409, "DUPLICATE_MISMATCH") == (other.status, other.body["code"])


async def test_refunds_end_where_the_paid_amount_ends(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """What counts is what was really paid."""
    out_no = (await merchant.place())["out_no"]
    await simulator.call("pay", out_no=out_no, amount_minor=9000)
    assert 200 == (await merchant.refund(out_no, 5000)).status
    exceeding = await merchant.refund(out_no, 4001)
    assert (409, "REFUND_EXCEEDS") == (exceeding.status, exceeding.body["code"])
    assert 200 == (await merchant.refund(out_no, 4000)).status


async def test_an_unpaid_order_is_not_refunded(merchant: Merchant) -> None:
    """409 `ORDER_NOT_PAID`; an unknown one is 404, another currency 400."""
    out_no = (await merchant.place())["out_no"]
    assert "ORDER_NOT_PAID" == (await merchant.refund(out_no, 1)).body["code"]
    assert "ORDER_NOT_FOUND" == (await merchant.refund(new_number(), 1)).body["code"]
    paid = await merchant.place_paid()
    assert "PARAM_ERROR" == (await merchant.refund(paid, 1, currency="USD")).body["code"]


async def test_an_unknown_refund_is_not_found(merchant: Merchant) -> None:
    """404 `REFUND_NOT_FOUND`, signed."""
    answer = await merchant.send("GET", f"/sim/v1/refunds/{new_number()}")
    assert (404, "REFUND_NOT_FOUND", True) == (answer.status, answer.body["code"], answer.verified)


async def test_a_short_balance_refuses_until_it_is_filled(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """409 `APP_BALANCE_NOT_ENOUGH`; the same number may be sent again."""
    out_no, refund_no = await merchant.place_paid(), new_number()
    await simulator.call("withdraw", app_id=merchant.app_id, currency="CNY", amount_minor=9000)
    refused = await merchant.refund(out_no, 4000, out_refund_no=refund_no)
    assert (409, "APP_BALANCE_NOT_ENOUGH") == (refused.status, refused.body["code"])
    await simulator.call("withdraw", app_id=merchant.app_id, currency="CNY", amount_minor=-3000)
    assert 200 == (await merchant.refund(out_no, 4000, out_refund_no=refund_no)).status


async def test_a_refund_under_way_ends_by_command(merchant: Merchant, slow_bank: SimulatorProcess) -> None:
    """With `refund_ms` null it is processing until it is told to end; a stale query still says so."""
    out_no, refund_no = await merchant.place_paid(), new_number()
    assert "processing" == (await merchant.refund(out_no, 10000, out_refund_no=refund_no)).body["state"]
    await slow_bank.call("refund", refund_no=refund_no, state="succeeded")
    await slow_bank.call("fault", op="refund_query", do="stale", times=1, out_no=refund_no)
    states = [(await merchant.send("GET", f"/sim/v1/refunds/{refund_no}")).body["state"] for _ in range(2)]
    assert ["processing", "succeeded"] == states
    again = await slow_bank.client.post("/_sim/refund", json={"refund_no": refund_no, "state": "failed"})
    assert (409, "REFUND_ENDED") == (again.status_code, again.json()["code"])


async def test_a_failed_refund_gives_its_amount_back(
    merchant: Merchant, slow_bank: SimulatorProcess, receiver: Receiver
) -> None:
    """Failure is told too, and the payment can be refunded again under a new number."""
    out_no, refund_no = await merchant.place_paid(), new_number()
    await receiver.next()
    await merchant.refund(out_no, 10000, out_refund_no=refund_no, notify_url=receiver.url)
    await slow_bank.call("refund", refund_no=refund_no, state="failed", code="ACCOUNT_CLOSED")
    resource = (await receiver.next()).content["resource"]
    assert ("failed", "ACCOUNT_CLOSED", None) == (resource["state"], resource["fail_code"], resource["succeeded_at"])
    assert 200 == (await merchant.refund(out_no, 10000)).status


async def test_a_bounced_refund_may_be_refunded_again(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """Only after success, once; it is told, its money is back, and another number may give it back."""
    out_no, refund_no = await merchant.place_paid(), new_number()
    await receiver.next()
    await merchant.refund(out_no, 10000, out_refund_no=refund_no, notify_url=receiver.url)
    succeeded = (await receiver.next()).content["resource"]
    await simulator.call("refund", refund_no=refund_no, state="bounced", code="CARD_GONE")
    bounced = (await receiver.next()).content["resource"]
    assert ("bounced", "CARD_GONE") == (bounced["state"], bounced["fail_code"])
    assert (succeeded["succeeded_at"], None) == (bounced["succeeded_at"], succeeded["bounced_at"])
    assert bounced["bounced_at"] >= bounced["succeeded_at"]
    again = await simulator.client.post("/_sim/refund", json={"refund_no": refund_no, "state": "bounced"})
    assert (409, "REFUND_NOT_SUCCEEDED") == (again.status_code, again.json()["code"])
    assert 10000 == await merchant.balance_minor()
    assert 200 == (await merchant.refund(out_no, 10000)).status


async def test_the_book_balances(own_simulator: SimulatorProcess, receiver: Receiver) -> None:
    """The balance is what was paid less what was refunded."""
    merchant = Merchant(own_simulator, receiver.url)
    await merchant.register()
    out_no, refund_no = await merchant.place_paid(), new_number()
    unpaid = await merchant.place(amount_minor=70)
    await merchant.refund(out_no, 2500, out_refund_no=refund_no)
    book = await own_simulator.read("book")
    refunded = {"out_no": out_no, "refund_no": refund_no, "state": "succeeded", "amount_minor": 2500, "currency": "CNY"}
    assert [refunded] == book["refunds"]
    orders = [(order["out_no"], order["state"], order["amount_minor"]) for order in book["orders"]]
    assert [(out_no, "paid", 10000), (unpaid["out_no"], "waiting", 70)] == orders
    assert ([], 7500) == (book["transfers"], book["balance_minor"])
