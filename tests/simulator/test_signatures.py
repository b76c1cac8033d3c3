"""Who may call, and what is signed."""

import pytest

from tests.simulator.outside import Merchant, SimulatorProcess, new_number


async def test_a_signed_request_gets_an_answer_signed_for_its_nonce(merchant: Merchant) -> None:
    """The answer's signature covers status, timestamp, the request's nonce and the body."""
    answer = await merchant.send("POST", "/sim/v1/orders", merchant.order_body())
    assert 200 == answer.status
    assert answer.verified


async def test_errors_are_signed_too(merchant: Merchant) -> None:
    """An answer without a valid signature is not an answer."""
    answer = await merchant.query(new_number())
    assert (404, "ORDER_NOT_FOUND") == (answer.status, answer.body["code"])
    assert answer.verified


@pytest.mark.parametrize(
    "forged",
    [
        {"Sim_App": "nobody"},
        {"Sim_Nonce": "another-nonce-than-signed"},
        {"Sim_Nonce": "short"},
        {"Sim_Timestamp": "1700000000"},
        {"Sim_Timestamp": "yesterday"},
        {"Sim_Signature": "AAAA"},
        {"Sim_Signature": "not base64!"},
    ],
)
async def test_an_unproven_caller_changes_nothing(merchant: Merchant, forged: dict[str, str]) -> None:
    """Unknown app, bad signature and stale timestamp are 401 `SIGN_ERROR`."""
    body = merchant.order_body()
    answer = await merchant.send("POST", "/sim/v1/orders", body, timeout_s=5.0, **forged)
    assert (401, "SIGN_ERROR") == (answer.status, answer.body["code"])
    assert 404 == (await merchant.query(body["out_no"])).status


@pytest.mark.parametrize(("ahead_s", "status"), [(-310, 401), (-290, 404), (290, 404), (310, 401)])
async def test_a_timestamp_is_good_for_300_seconds(merchant: Merchant, ahead_s: int, status: int) -> None:
    """Either way of the channel's time; older signatures prove nothing."""
    merchant.ahead_s = ahead_s
    assert status == (await merchant.query(new_number())).status


async def test_the_query_string_is_signed(merchant: Merchant) -> None:
    """The signature covers path and query exactly as on the wire."""
    out_no = (await merchant.place())["out_no"]
    answer = await merchant.send("GET", f"/sim/v1/orders/{out_no}?trace=a%20b")
    assert 200 == answer.status


async def test_registering_again_replaces_the_key(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """Only the newest key of an app is accepted."""
    successor = Merchant(simulator, merchant.notify_url)
    successor.app_id = merchant.app_id
    await successor.register()
    assert 401 == (await merchant.query(new_number())).status
    assert 404 == (await successor.query(new_number())).status


async def test_another_apps_order_does_not_exist(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """An app sees its own numbers only, and cannot take another's."""
    stranger = Merchant(simulator, merchant.notify_url)
    await stranger.register()
    body = merchant.order_body()
    await merchant.send("POST", "/sim/v1/orders", body)
    assert 404 == (await stranger.query(body["out_no"])).status
    assert 404 == (await stranger.close(body["out_no"])).status
    assert "DUPLICATE_MISMATCH" == (await stranger.send("POST", "/sim/v1/orders", body)).body["code"]
