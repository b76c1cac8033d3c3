"""The control API: journal, panel, and clear refusals."""

from typing import Any

import pytest

from tests.simulator.outside import Merchant, SimulatorProcess, new_number


async def test_the_journal_tells_what_was_received(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """Newest first, with verdict and fault; a dropped answer has no status."""
    order = await merchant.place()
    await merchant.send("GET", f"/sim/v1/orders/{order['out_no']}", Sim_Signature="AAAA")
    await simulator.call("fault", op="close", do="status_500", times=1, out_no=order["out_no"])
    await merchant.close(order["out_no"])
    close, query, pay = await simulator.journal_of(order["out_no"], "in")
    assert (500, "not executed", "status_500") == (close["status"], close["verdict"], close["fault"])
    assert (401, "SIGN_ERROR", None) == (query["status"], query["verdict"], query["fault"])
    assert (200, "OK", "POST", "/sim/v1/orders") == (pay["status"], pay["verdict"], pay["method"], pay["path"])
    assert order["out_no"] == pay["body"]["out_no"]
    assert merchant.app_id == pay["headers"]["sim-app"]


async def test_the_journal_is_limited(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """`limit` counts entries."""
    await merchant.place()
    await merchant.place()
    assert 1 == len(await simulator.read("journal", limit=1))


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("pay", {"out_no": new_number()}, 404, "ORDER_NOT_FOUND"),
        ("pay", {}, 400, "PARAM_ERROR"),
        ("pay", {"out_no": "x", "amount_minor": 0}, 400, "PARAM_ERROR"),
        ("pay", {"out_no": "x", "force": "yes"}, 400, "PARAM_ERROR"),
        ("fail", {"out_no": new_number(), "code": "NO"}, 404, "ORDER_NOT_FOUND"),
        ("fail", {"out_no": new_number()}, 400, "PARAM_ERROR"),
        ("refund", {"refund_no": new_number(), "state": "failed"}, 404, "REFUND_NOT_FOUND"),
        ("refund", {"refund_no": new_number(), "state": "processing"}, 400, "PARAM_ERROR"),
        ("transfer", {"transfer_no": new_number(), "state": "returned"}, 404, "TRANSFER_NOT_FOUND"),
        ("transfer", {"transfer_no": new_number(), "state": "processing"}, 400, "PARAM_ERROR"),
        ("transfer", {"transfer_no": new_number(), "state": "bounced"}, 400, "PARAM_ERROR"),
        ("mode", {"transfer_ms": -1}, 400, "PARAM_ERROR"),
        ("mode", {}, 400, "PARAM_ERROR"),
        ("mode", {"auto_pay_ms": -1}, 400, "PARAM_ERROR"),
        ("mode", {"auto_pay_ms": 1.5}, 400, "PARAM_ERROR"),
        ("clock", {"advance_s": "1"}, 400, "PARAM_ERROR"),
        ("clock", {"advance_s": 1e300}, 400, "PARAM_ERROR"),
        ("clock", {}, 400, "PARAM_ERROR"),
        ("apps", {"app_id": "a", "public_key": "AAAA"}, 400, "PARAM_ERROR"),
        ("apps", {"app_id": "a", "public_key": "A" * 43 + "=", "channel": "abacus"}, 404, "CHANNEL_NOT_FOUND"),
        ("withdraw", {"app_id": "a", "currency": "CNY"}, 400, "PARAM_ERROR"),
    ],
)
async def test_bad_control_input_is_refused(
    simulator: SimulatorProcess, name: str, body: dict[str, Any], status: int, code: str
) -> None:
    """`{code, message}` with 4xx."""
    answer = await simulator.client.post(f"/_sim/{name}", json=body)
    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert answer.json()["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(simulator: SimulatorProcess, body: bytes) -> None:
    """400, for the control API as for the channel."""
    assert 400 == (await simulator.client.post("/_sim/mode", content=body)).status_code


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1001"])
async def test_a_limit_out_of_range_is_refused(simulator: SimulatorProcess, limit: str) -> None:
    """400."""
    assert 400 == (await simulator.client.get("/_sim/journal", params={"limit": limit})).status_code


async def test_the_panel_stands_alone(simulator: SimulatorProcess) -> None:
    """One page, nothing loaded from elsewhere."""
    page = (await simulator.client.get("/")).text
    assert "Channel simulator" in page
    assert "http" not in page
