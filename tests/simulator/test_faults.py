"""Each fault does what its row in the protocol says, and only as often as armed."""

import asyncio
import socket
import time
from typing import Any

import httpx
import pytest

from tests.simulator.outside import PATIENCE_S, Answer, Merchant, Receiver, SimulatorProcess, new_number


async def arm(merchant: Merchant, op: str, do: str, out_no: str, **more: object) -> None:
    await merchant.simulator.call("fault", op=op, do=do, times=1, out_no=out_no, **more)


async def send_order(merchant: Merchant, out_no: str, timeout_s: float = 5.0) -> Answer:
    body = merchant.order_body(out_no=out_no, expire_at="2099-01-01T00:00:00Z")
    return await merchant.send("POST", "/sim/v1/orders", body, timeout_s=timeout_s)


async def test_accept_then_timeout_executes_and_never_answers(merchant: Merchant) -> None:
    """The caller waits in vain, and the order exists."""
    out_no = new_number()
    await arm(merchant, "pay", "accept_then_timeout", out_no)
    with pytest.raises(httpx.ReadTimeout):
        await send_order(merchant, out_no, timeout_s=0.3)
    assert "waiting" == (await merchant.query(out_no)).body["state"]


async def test_a_held_connection_is_dropped_after_its_delay(merchant: Merchant) -> None:
    """`delay_s` bounds how long it is held; no byte ever comes."""
    out_no = new_number()
    await arm(merchant, "pay", "accept_then_timeout", out_no, delay_s=0.1)
    with pytest.raises(httpx.ReadError):
        await send_order(merchant, out_no)


async def test_accept_then_reset_executes_and_drops_the_connection(merchant: Merchant) -> None:
    """The caller sees a reset, and the order exists."""
    out_no = new_number()
    await arm(merchant, "pay", "accept_then_reset", out_no)
    with pytest.raises(httpx.ReadError):
        await send_order(merchant, out_no)
    assert "waiting" == (await merchant.query(out_no)).body["state"]


async def test_a_dropped_connection_carries_no_byte(merchant: Merchant) -> None:
    """The first thing the caller's socket tells is the reset."""
    order = await merchant.place()
    target = f"/sim/v1/orders/{order['out_no']}"
    await arm(merchant, "query", "accept_then_reset", order["out_no"])
    url = httpx.URL(merchant.simulator.url)
    head = "".join(f"{name}: {value}\r\n" for name, value in merchant.signed_headers("GET", target, b"").items())
    loop = asyncio.get_running_loop()
    with socket.create_connection((url.host, url.port or 80)) as connection:
        connection.setblocking(False)
        await loop.sock_sendall(connection, f"GET {target} HTTP/1.1\r\nHost: sim\r\n{head}\r\n".encode())
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(loop.sock_recv(connection, 100), PATIENCE_S)


async def test_reset_before_executes_nothing(merchant: Merchant) -> None:
    """The caller sees the same reset, and the order does not exist."""
    out_no = new_number()
    await arm(merchant, "pay", "reset_before", out_no)
    with pytest.raises(httpx.ReadError):
        await send_order(merchant, out_no)
    assert 404 == (await merchant.query(out_no)).status


@pytest.mark.parametrize(
    ("do", "status", "code", "then"),
    [
        ("status_500", 500, "SYSTEM_ERROR", 404),
        ("status_500_commit", 500, "SYSTEM_ERROR", 200),
        ("status_429", 429, "RATE_LIMITED", 404),
    ],
)
async def test_an_error_answer_is_signed(merchant: Merchant, do: str, status: int, code: str, then: int) -> None:
    """A 500 tells nothing about whether the order exists; the query afterwards does."""
    out_no = new_number()
    await arm(merchant, "pay", do, out_no)
    answer = await send_order(merchant, out_no)
    assert (status, code, True) == (answer.status, answer.body["code"], answer.verified)
    assert then == (await merchant.query(out_no)).status
    assert 200 == (await send_order(merchant, out_no)).status


async def test_slow_answers_rightly_after_its_delay(merchant: Merchant) -> None:
    """The call executes and its answer comes late."""
    out_no = new_number()
    await arm(merchant, "pay", "slow", out_no, delay_s=0.3)
    began = time.monotonic()
    answer = await send_order(merchant, out_no)
    assert time.monotonic() - began >= 0.3
    assert (200, True) == (answer.status, answer.verified)


async def test_a_bad_signature_does_not_verify(merchant: Merchant) -> None:
    """The call executes; its answer is not one."""
    out_no = new_number()
    await arm(merchant, "pay", "bad_signature", out_no)
    assert not (await send_order(merchant, out_no)).verified
    assert (await merchant.query(out_no)).verified


async def test_a_stale_query_answers_with_the_state_before(merchant: Merchant) -> None:
    """Once; the next query tells the truth."""
    out_no = await merchant.place_paid()
    await arm(merchant, "query", "stale", out_no)
    stale = (await merchant.query(out_no)).body
    assert ("waiting", None, None) == (stale["state"], stale["paid_amount_minor"], stale["paid_at"])
    assert "paid" == (await merchant.query(out_no)).body["state"]


async def test_a_late_close_can_still_be_paid(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """The channel says closed, and money arrives all the same."""
    out_no = (await merchant.place())["out_no"]
    await arm(merchant, "close", "late", out_no)
    assert "closed" == (await merchant.close(out_no)).body["state"]
    assert "closed" == (await merchant.query(out_no)).body["state"]
    await simulator.call("pay", out_no=out_no)
    assert "paid" == (await receiver.next()).content["resource"]["state"]


async def test_a_wrong_amount_is_paid_one_unit_short(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """The order asks for the right amount and gets one minor unit less."""
    out_no = new_number()
    await arm(merchant, "pay", "wrong_amount", out_no)
    assert 10000 == (await send_order(merchant, out_no)).body["amount_minor"]
    await simulator.call("pay", out_no=out_no)
    assert 9999 == (await merchant.query(out_no)).body["paid_amount_minor"]


async def test_faults_meet_refunds_too(merchant: Merchant) -> None:
    """A refund whose answer was lost is found by its number, and a repeat does not refund twice."""
    out_no, refund_no = await merchant.place_paid(), new_number()
    await arm(merchant, "refund", "accept_then_reset", refund_no)
    with pytest.raises(httpx.ReadError):
        await merchant.refund(out_no, 4000, out_refund_no=refund_no)
    await arm(merchant, "refund_query", "status_500", out_no)
    assert 500 == (await merchant.send("GET", f"/sim/v1/refunds/{refund_no}")).status
    assert "succeeded" == (await merchant.send("GET", f"/sim/v1/refunds/{refund_no}")).body["state"]
    assert 200 == (await merchant.refund(out_no, 4000, out_refund_no=refund_no)).status
    assert "REFUND_EXCEEDS" == (await merchant.refund(out_no, 6001)).body["code"]


async def test_a_fault_is_used_up_after_its_times(merchant: Merchant, simulator: SimulatorProcess) -> None:
    """`times` counts calls; a fault of another order, or an unproven call, uses none of them."""
    out_no = (await merchant.place())["out_no"]
    await simulator.call("fault", op="query", do="status_500", times=2, out_no=out_no)
    assert 200 == (await merchant.query((await merchant.place())["out_no"])).status
    assert 401 == (await merchant.send("GET", f"/sim/v1/orders/{out_no}", Sim_App="nobody")).status
    assert [500, 500, 200] == [(await merchant.query(out_no)).status for _ in range(3)]


async def test_armed_faults_are_listed_and_disarmed(simulator: SimulatorProcess) -> None:
    """`GET` shows what is left, `DELETE` disarms all."""
    armed = await simulator.call("fault", op="pay", do="slow", times=3, out_no=new_number(), delay_s=9)
    listed = {fault["fault_id"]: fault for fault in await simulator.read("faults")}
    assert ("pay", "slow", 3, 9) == tuple(listed[armed["fault_id"]][name] for name in ("op", "do", "times", "delay_s"))
    await simulator.client.delete("/_sim/faults")
    assert [] == await simulator.read("faults")


@pytest.mark.parametrize(
    "fault",
    [
        {"op": "pay", "do": "stale", "times": 1},
        {"op": "query", "do": "late", "times": 1},
        {"op": "callback", "do": "slow", "times": 1},
        {"op": "refund", "do": "lost", "times": 1},
        {"op": "transfer", "do": "wrong_amount", "times": 1},
        {"op": "balance", "do": "stale", "times": 1},
        {"op": "fly", "do": "slow", "times": 1},
        {"op": "pay", "do": "explode", "times": 1},
        {"op": "pay", "do": "slow", "times": 0},
        {"op": "pay", "do": "slow", "times": 1, "delay_s": -1},
        {"op": "pay", "do": "slow", "times": 1, "delay_s": "long"},
    ],
    ids=str,
)
async def test_a_fault_without_sense_is_refused(simulator: SimulatorProcess, fault: dict[str, Any]) -> None:
    """400, with a code and a message."""
    answer = await simulator.client.post("/_sim/fault", json=fault)
    assert (400, "PARAM_ERROR") == (answer.status_code, answer.json()["code"])
    assert answer.json()["message"]
