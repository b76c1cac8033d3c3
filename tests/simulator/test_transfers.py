"""Transfers out: once per number, never above the balance, and sometimes they come back."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.simulator.outside import Merchant, Receiver, SimulatorProcess, new_number


@pytest_asyncio.fixture
async def slow_bank(simulator: SimulatorProcess) -> AsyncIterator[SimulatorProcess]:
    await simulator.call("mode", transfer_ms=None)
    yield simulator
    await simulator.call("mode", transfer_ms=0)


@pytest_asyncio.fixture
async def rich(merchant: Merchant, simulator: SimulatorProcess) -> Merchant:
    """A merchant with 100.00 CNY at the channel."""
    await simulator.call("withdraw", app_id=merchant.app_id, currency="CNY", amount_minor=-10000)
    return merchant


async def refused(simulator: SimulatorProcess, number: str, state: str) -> tuple[int, str]:
    """Status and code of a control call that is not possible now."""
    answer = await simulator.client.post("/_sim/transfer", json={"transfer_no": number, "state": state})
    return answer.status_code, answer.json()["code"]


async def test_a_transfer_succeeds_and_is_repeatable(rich: Merchant) -> None:
    """Transfer is idempotent by our number; other fields are refused; the answer names no payee."""
    number = new_number()
    first = await rich.transfer(4000, out_transfer_no=number, name="Li Lei")
    again = await rich.transfer(4000, out_transfer_no=number, name="Li Lei")
    other = await rich.transfer(4000, out_transfer_no=number, name="Han Meimei")
    assert ("succeeded", True) == (first.body["state"], first.verified)
    assert first.body == again.body == (await rich.query_transfer(number)).body
    assert (409, "DUPLICATE_MISMATCH") == (other.status, other.body["code"])
    assert {"account", "name"}.isdisjoint(first.body)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 0},
        {"amount_minor": "1"},
        {"currency": "yuan"},
        {"account": ""},
        {"account": None},
        {"name": 7},
        {"memo": "m" * 257},
        {"notify_url": "gopher://x"},
        {"out_transfer_no": "short"},
    ],
    ids=str,
)
async def test_a_wrong_field_is_refused(rich: Merchant, change: dict[str, Any]) -> None:
    """400 `PARAM_ERROR`; nothing was done."""
    answer = await rich.transfer(4000, **change)
    assert (400, "PARAM_ERROR", 10000) == (answer.status, answer.body["code"], await rich.balance_minor())


async def test_a_short_balance_refuses_until_it_is_filled(rich: Merchant, simulator: SimulatorProcess) -> None:
    """409 `APP_BALANCE_NOT_ENOUGH`; the same number may be sent again."""
    number = new_number()
    answer = await rich.transfer(10001, out_transfer_no=number)
    assert (409, "APP_BALANCE_NOT_ENOUGH") == (answer.status, answer.body["code"])
    await simulator.call("withdraw", app_id=rich.app_id, currency="CNY", amount_minor=-1)
    assert 200 == (await rich.transfer(10001, out_transfer_no=number)).status
    assert 0 == await rich.balance_minor()


async def test_an_account_that_refuses_takes_nothing(rich: Merchant) -> None:
    """409 `PAYEE_REFUSED`; no transfer exists and the balance is whole."""
    number = new_number()
    answer = await rich.transfer(4000, out_transfer_no=number, account="refuse@example.com")
    asked = await rich.query_transfer(number)
    assert (409, "PAYEE_REFUSED") == (answer.status, answer.body["code"])
    assert (404, "TRANSFER_NOT_FOUND", True) == (asked.status, asked.body["code"], asked.verified)
    assert 10000 == await rich.balance_minor()


async def test_a_transfer_under_way_ends_by_command(rich: Merchant, slow_bank: SimulatorProcess) -> None:
    """With `transfer_ms` null it is processing until told; a stale query still says so, and it ends once."""
    number = new_number()
    assert "processing" == (await rich.transfer(4000, out_transfer_no=number)).body["state"]
    assert (409, "TRANSFER_NOT_SUCCEEDED") == await refused(slow_bank, number, "returned")
    await slow_bank.call("transfer", transfer_no=number, state="succeeded")
    await slow_bank.call("fault", op="transfer_query", do="stale", times=1, out_no=number)
    states = [(await rich.query_transfer(number)).body["state"] for _ in range(2)]
    assert ["processing", "succeeded"] == states
    assert (409, "TRANSFER_ENDED") == await refused(slow_bank, number, "failed")


async def test_a_failed_transfer_gives_its_amount_back(
    rich: Merchant, slow_bank: SimulatorProcess, receiver: Receiver
) -> None:
    """Failure is told with its code, and the balance is whole again."""
    number = new_number()
    await rich.transfer(4000, out_transfer_no=number, notify_url=receiver.url)
    assert 6000 == await rich.balance_minor()
    await slow_bank.call("transfer", transfer_no=number, state="failed", code="NAME_MISMATCH")
    content = (await receiver.next()).content
    resource = content["resource"]
    assert ("transfer", number, "failed") == (content["kind"], resource["out_transfer_no"], resource["state"])
    assert ("NAME_MISMATCH", None) == (resource["fail_code"], resource["succeeded_at"])
    assert 10000 == await rich.balance_minor()


async def test_a_returned_transfer_comes_back_once(
    rich: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """After success; it is told under an id of its own, and cannot come back twice."""
    number = new_number()
    await rich.transfer(4000, out_transfer_no=number, notify_url=receiver.url)
    succeeded = (await receiver.next()).content
    await simulator.call("transfer", transfer_no=number, state="returned", code="ACCOUNT_CLOSED")
    returned = await receiver.next()
    resource = returned.content["resource"]
    assert ("returned", "ACCOUNT_CLOSED") == (resource["state"], resource["fail_code"])
    assert succeeded["resource"]["succeeded_at"] == resource["succeeded_at"]
    assert succeeded["notify_id"] != returned.content["notify_id"]
    assert returned.verifies(rich.channel_public_key)
    assert (409, "TRANSFER_NOT_SUCCEEDED") == await refused(simulator, number, "returned")
    assert 10000 == await rich.balance_minor()


async def test_a_wrong_amount_is_stated_one_unit_short(
    rich: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """The callback lies and verifies; the query tells the truth."""
    number = new_number()
    await simulator.call("fault", op="callback", do="wrong_amount", times=1, out_no=number)
    await rich.transfer(4000, out_transfer_no=number, notify_url=receiver.url)
    assert 3999 == (await receiver.next()).content["resource"]["amount_minor"]
    assert 4000 == (await rich.query_transfer(number)).body["amount_minor"]


async def test_faults_meet_transfers_too(rich: Merchant, simulator: SimulatorProcess) -> None:
    """A transfer whose answer was lost is found by its number, and a repeat does not pay twice."""
    number = new_number()
    await simulator.call("fault", op="transfer", do="accept_then_reset", times=1, out_no=number)
    with pytest.raises(httpx.ReadError):
        await rich.transfer(4000, out_transfer_no=number)
    assert "succeeded" == (await rich.query_transfer(number)).body["state"]
    assert 200 == (await rich.transfer(4000, out_transfer_no=number)).status
    assert 6000 == await rich.balance_minor()
    repeat, query, lost = await simulator.journal_of(number, "in")
    assert ("/sim/v1/transfers", 200) == (repeat["path"], repeat["status"])
    assert f"/sim/v1/transfers/{number}" == query["path"]
    assert ("accept_then_reset", None) == (lost["fault"], lost["status"])


async def test_the_balance_is_per_currency(rich: Merchant) -> None:
    """0 in a currency it never had; a currency is required."""
    answer = await rich.send("GET", "/sim/v1/balance?currency=USD")
    assert ({"currency": "USD", "available_minor": 0}, True) == (answer.body, answer.verified)
    for query in ("", "?currency=", "?currency=cny", "?other=CNY"):
        assert "PARAM_ERROR" == (await rich.send("GET", f"/sim/v1/balance{query}")).body["code"]


async def test_transfers_do_not_take_what_refunds_need_twice(rich: Merchant) -> None:
    """Refunds and transfers draw on one balance."""
    out_no = await rich.place_paid()
    assert 200 == (await rich.transfer(15000)).status
    assert "APP_BALANCE_NOT_ENOUGH" == (await rich.refund(out_no, 5001)).body["code"]
    assert 200 == (await rich.refund(out_no, 5000)).status


async def test_the_book_shows_transfers(own_simulator: SimulatorProcess, receiver: Receiver) -> None:
    """With the payee, and the sum of all balances is what is left."""
    merchant = Merchant(own_simulator, receiver.url)
    await merchant.register()
    await merchant.place_paid()
    number = new_number()
    answer = await merchant.transfer(2500, out_transfer_no=number, account="wallet-7")
    book = await own_simulator.read("book")
    shown = {"out_no": number, "channel_no": answer.body["channel_transfer_no"], "app_id": merchant.app_id}
    shown |= {"state": "succeeded", "amount_minor": 2500, "currency": "CNY", "account": "wallet-7"}
    assert ([shown], 7500) == (book["transfers"], book["balance_minor"])


async def test_a_transfer_announced_before_a_crash_still_arrives(
    own_simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """Its time survives kill -9."""
    merchant = Merchant(own_simulator, receiver.url)
    await merchant.register()
    await own_simulator.call("withdraw", app_id=merchant.app_id, currency="CNY", amount_minor=-10000)
    await own_simulator.call("mode", transfer_ms=700)
    number = new_number()
    await merchant.transfer(10000, out_transfer_no=number, notify_url=receiver.url)
    own_simulator.kill()
    own_simulator.start()
    resource = (await receiver.next()).content["resource"]
    assert (number, "succeeded") == (resource["out_transfer_no"], resource["state"])
