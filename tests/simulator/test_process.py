"""The process: it keeps what it knew, and ends at once."""

import asyncio
import contextlib
import subprocess
import sys
import time

import httpx

from tests.simulator.outside import PATIENCE_S, ROOT, Merchant, Receiver, SimulatorProcess, new_number


async def merchant_of(simulator: SimulatorProcess, receiver: Receiver) -> Merchant:
    merchant = Merchant(simulator, receiver.url)
    await merchant.register()
    return merchant


async def test_a_killed_simulator_remembers_everything(own_simulator: SimulatorProcess, receiver: Receiver) -> None:
    """Orders, apps, its own keys and pending callbacks survive kill -9; faults do not."""
    merchant = await merchant_of(own_simulator, receiver)
    receiver.answers = [(500, b"")]
    out_no = await merchant.place_paid()
    first = await receiver.next()
    await own_simulator.call("fault", op="query", do="status_500", times=1)
    own_simulator.kill()
    own_simulator.start()
    second = await receiver.next()
    assert first.content["notify_id"] == second.content["notify_id"]
    assert second.verifies(merchant.channel_public_key)
    answer = await merchant.query(out_no)
    assert (200, True, "paid") == (answer.status, answer.verified, answer.body["state"])


async def test_a_payer_announced_before_a_crash_still_comes(
    own_simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """The mode, the payers and the refunds it announced survive."""
    merchant = await merchant_of(own_simulator, receiver)
    out_no, refund_no = await merchant.place_paid(), new_number()
    await receiver.next()
    await own_simulator.call("mode", auto_pay_ms=700, refund_ms=700, transfer_ms=700)
    announced = await merchant.place()
    await merchant.refund(out_no, 10, out_refund_no=refund_no, notify_url=receiver.url)
    own_simulator.kill()
    own_simulator.start()
    told = {(callback := await receiver.next()).content["kind"]: callback.content["resource"] for _ in range(2)}
    assert (announced["out_no"], refund_no) == (told["payment"]["out_no"], told["refund"]["out_refund_no"])
    assert {"auto_pay_ms": 700, "refund_ms": 700, "transfer_ms": 700} == await own_simulator.read("mode")


async def test_sigterm_ends_it_at_once_also_with_held_connections(
    own_simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """Exit status 0 within two seconds while one call is held and the sink stalls another."""
    merchant = await merchant_of(own_simulator, receiver)
    out_no = new_number()
    await own_simulator.call("fault", op="pay", do="accept_then_timeout", times=1)
    async with httpx.AsyncClient(base_url=own_simulator.sink_url, trust_env=False, timeout=60) as sink:
        await sink.post("/mode", json={"delay_ms": 60000})
        order = merchant.order_body(out_no=out_no)
        held = [
            asyncio.create_task(merchant.send("POST", "/sim/v1/orders", order, timeout_s=60)),
            asyncio.create_task(sink.post("/hook", json={})),
        ]
        async with asyncio.timeout(PATIENCE_S):
            while not (await own_simulator.journal_of(out_no, "in") and (await sink.get("/events")).json()):
                pass
        began = time.monotonic()
        assert 0 == await asyncio.to_thread(own_simulator.terminate)
        assert time.monotonic() - began < 2
        for task in held:
            with contextlib.suppress(httpx.TransportError):
                await task
    assert all(task.done() for task in held)


async def test_an_occupied_port_is_a_clear_error(own_simulator: SimulatorProcess) -> None:
    """Exit status 1 and one line that says why."""
    port = own_simulator.url.rpartition(":")[2]
    command = [sys.executable, "-m", "simulator", "--home", str(own_simulator.home), "--port", port, "--sink-port", "0"]
    ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 1 == ended.returncode
    assert "simulator cannot listen" in ended.stdout
    assert port in ended.stdout
