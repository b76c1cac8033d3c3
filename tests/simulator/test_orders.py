"""Orders: made once, paid once, closed for good."""

from typing import Any

import httpx
import pytest

from tests.simulator.outside import Merchant, Receiver, SimulatorProcess, in_minutes, new_number

CASES = [
    {"out_no": "short"},
    {"out_no": "with-a-dash-in-it"},
    {"amount_minor": 0},
    {"amount_minor": 1.5},
    {"amount_minor": True},
    {"currency": "cny"},
    {"subject": None},
    {"invoke": "carrier pigeon"},
    {"invoke": "barcode"},
    {"invoke": "barcode", "auth_code": "99unknown"},
    {"auth_code": "28pay"},
    {"expire_at": "tomorrow"},
    {"expire_at": "2030-01-01T00:00:00"},
    {"expire_at": "2020-01-01T00:00:00Z"},
    {"notify_url": "ftp://127.0.0.1/"},
]


@pytest.mark.parametrize("change", CASES, ids=str)
async def test_a_bad_field_is_refused_and_nothing_is_done(merchant: Merchant, change: dict[str, Any]) -> None:
    """A field that is missing or out of range is 400 `PARAM_ERROR`."""
    body = merchant.order_body(**change)
    answer = await merchant.send("POST", "/sim/v1/orders", body)
    assert (400, "PARAM_ERROR") == (answer.status, answer.body["code"])
    assert answer.verified


async def test_a_new_order_waits_with_a_code_to_scan(merchant: Merchant) -> None:
    """The order says what was asked, and leads a person to a page where it can be paid."""
    body = merchant.order_body()
    order = (await merchant.send("POST", "/sim/v1/orders", body)).body
    expected = {name: body[name] for name in ("out_no", "amount_minor", "currency", "invoke", "expire_at")}
    unpaid = {"state": "waiting", "paid_amount_minor": None, "paid_at": None, "url": None}
    assert expected | unpaid == {name: order[name] for name in expected | unpaid}
    assert order["channel_no"].startswith("SIM")
    async with httpx.AsyncClient(trust_env=False) as browser:
        assert body["out_no"] in (await browser.get(order["qr_text"])).text


async def test_a_page_order_has_a_url(merchant: Merchant) -> None:
    """`url` is set for `page`, `qr_text` is not."""
    order = await merchant.place(invoke="page", return_url="http://127.0.0.1:1/thanks")
    assert order["qr_text"] is None
    assert order["url"].endswith(order["channel_no"])


async def test_a_repeat_answers_with_the_order_as_it_is_now(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """Pay is idempotent by our number, also when the same instant is written in another way."""
    body = merchant.order_body(expire_at="2099-01-01T00:00:00Z")
    first = (await merchant.send("POST", "/sim/v1/orders", body)).body
    await simulator.call("pay", out_no=body["out_no"])
    again = await merchant.send("POST", "/sim/v1/orders", body | {"expire_at": "2099-01-01T08:00:00+08:00"})
    assert (200, "paid", first["channel_no"]) == (again.status, again.body["state"], again.body["channel_no"])


async def test_the_same_number_with_other_fields_is_refused(merchant: Merchant) -> None:
    """409 `DUPLICATE_MISMATCH`, and the order stays as it was."""
    order = await merchant.place()
    answer = await merchant.send("POST", "/sim/v1/orders", merchant.order_body(out_no=order["out_no"], amount_minor=1))
    assert (409, "DUPLICATE_MISMATCH") == (answer.status, answer.body["code"])
    assert (await merchant.query(order["out_no"])).body == order


@pytest.mark.parametrize(
    ("auth_code", "state"), [("28pay123", "paid"), ("28decline1", "declined"), ("28wait", "waiting")]
)
async def test_the_auth_code_of_a_barcode_decides(merchant: Merchant, auth_code: str, state: str) -> None:
    """Barcode takes the money in the call itself; a decline is a 200."""
    order = await merchant.place(invoke="barcode", auth_code=auth_code)
    assert state == order["state"]
    assert (10000 if state == "paid" else None) == order["paid_amount_minor"]


async def test_a_closed_order_cannot_be_paid_unless_forced(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """Closing is re-entrant and final; `force` is money after close."""
    out_no = (await merchant.place())["out_no"]
    for _ in range(2):
        answer = await merchant.close(out_no)
        assert (200, "closed") == (answer.status, answer.body["state"])
    refused = await simulator.client.post("/_sim/pay", json={"out_no": out_no})
    assert (409, "ORDER_CLOSED") == (refused.status_code, refused.json()["code"])
    await simulator.call("pay", out_no=out_no, force=True)
    assert "paid" == (await merchant.query(out_no)).body["state"]


async def test_a_paid_order_refuses_to_close(merchant: Merchant) -> None:
    """409 `ORDER_PAID`."""
    out_no = await merchant.place_paid()
    answer = await merchant.close(out_no)
    assert (409, "ORDER_PAID") == (answer.status, answer.body["code"])


async def test_nobody_pays_twice(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """A paid order is 409 `ORDER_PAID`, forced or not."""
    out_no = await merchant.place_paid()
    refused = await simulator.client.post("/_sim/pay", json={"out_no": out_no, "force": True})
    assert (409, "ORDER_PAID") == (refused.status_code, refused.json()["code"])


async def test_a_declined_order_stays_declined(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """`/_sim/fail` is for good: not even `force` pays it."""
    out_no = (await merchant.place())["out_no"]
    await simulator.call("fail", out_no=out_no, code="INSUFFICIENT")
    assert "declined" == (await merchant.query(out_no)).body["state"]
    refused = await simulator.client.post("/_sim/pay", json={"out_no": out_no, "force": True})
    assert (409, "ORDER_DECLINED") == (refused.status_code, refused.json()["code"])


async def test_an_order_closes_when_its_expiry_passes(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """Expiry obeys the clock of the simulator; signatures go on obeying the wall's."""
    out_no = (await merchant.place(expire_at=in_minutes(5)))["out_no"]
    await simulator.call("clock", advance_s=310)
    try:
        answer = await merchant.query(out_no)
        assert (200, "closed") == (answer.status, answer.body["state"])
        assert 409 == (await simulator.client.post("/_sim/pay", json={"out_no": out_no})).status_code
    finally:
        await simulator.call("clock", advance_s=-310)
    assert "closed" == (await merchant.query(out_no)).body["state"]


async def test_the_payer_may_pay_another_amount(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """The book shows what was really paid."""
    out_no = (await merchant.place())["out_no"]
    await simulator.call("pay", out_no=out_no, amount_minor=9999)
    assert 9999 == (await merchant.query(out_no)).body["paid_amount_minor"]
    book = await simulator.read("book")
    assert [9999] == [order["amount_minor"] for order in book["orders"] if order["out_no"] == out_no]


async def test_payers_pay_by_themselves_when_told(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """`auto_pay_ms` pays each new order; the create answer still says `waiting`."""
    await simulator.call("mode", auto_pay_ms=0)
    try:
        order = await merchant.place()
        callback = await receiver.next()
    finally:
        await simulator.call("mode", auto_pay_ms=None)
    assert "waiting" == order["state"]
    assert (order["out_no"], "paid") == (callback.content["resource"]["out_no"], callback.content["resource"]["state"])
    assert "waiting" == (await merchant.query((await merchant.place(out_no=new_number()))["out_no"])).body["state"]
