"""Callbacks: signed, repeated until acknowledged, and misbehaving when told to."""

import asyncio
from typing import Any

import pytest

from tests.simulator.outside import PATIENCE_S, Merchant, Receiver, SimulatorProcess, new_number


async def sent_entries(simulator: SimulatorProcess, number: str, count: int) -> list[dict[str, Any]]:
    """The journal's callbacks once there are so many."""
    async with asyncio.timeout(PATIENCE_S):
        while len(entries := await simulator.journal_of(number, "out")) < count:
            pass
    return entries


async def test_a_payment_is_told_with_the_channels_signature(merchant: Merchant, receiver: Receiver) -> None:
    """The callback carries the order and verifies over path and query."""
    out_no = await merchant.place_paid()
    callback = await receiver.next()
    content = callback.content
    assert "/callbacks/sim?account=1" == callback.target
    assert callback.verifies(merchant.channel_public_key)
    assert ("payment", merchant.app_id) == (content["kind"], content["app_id"])
    assert (await merchant.query(out_no)).body == content["resource"]


@pytest.mark.parametrize("answer", [(500, b'{"code":"OK"}'), (200, b"OK"), (200, b'{"code":"FAIL"}'), (204, b"")])
async def test_what_is_not_acknowledged_is_repeated(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver, answer: tuple[int, bytes]
) -> None:
    """Only 200 with code OK ends the repeats; a repeat is signed anew and keeps its id."""
    receiver.answers = [answer]
    out_no = await merchant.place_paid()
    first = await receiver.next()
    await sent_entries(simulator, out_no, 1)
    await simulator.call("clock", advance_s=1)
    second = await receiver.next()
    assert first.content["notify_id"] == second.content["notify_id"]
    assert first.headers["sim-nonce"] != second.headers["sim-nonce"]
    assert second.verifies(merchant.channel_public_key)
    newest, oldest = await sent_entries(simulator, out_no, 2)
    assert ("acknowledged", "not acknowledged") == (newest["verdict"], oldest["verdict"])


async def test_repeats_end_after_the_schedule(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """Eleven repeats follow the first sending; then the channel gives up."""
    receiver.answers = [(503, b"")] * 20
    out_no = await merchant.place_paid()
    for count in range(1, 13):
        await sent_entries(simulator, out_no, count)
        await simulator.call("clock", advance_s=1800)
    await simulator.call("clock", advance_s=-12 * 1800)
    assert 12 == len(await simulator.journal_of(out_no, "out"))
    assert 12 == receiver.received.qsize()


async def test_a_receiver_that_is_away_is_tried_again(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """No connection is no answer."""
    out_no = await merchant.place_paid(notify_url="http://127.0.0.1:9/")
    (entry,) = await sent_entries(simulator, out_no, 1)
    assert (None, "no answer: ConnectionRefusedError") == (entry["status"], entry["verdict"])
    await simulator.call("clock", advance_s=1)
    assert 2 == len(await sent_entries(simulator, out_no, 2))
    assert receiver.received.empty()


async def test_a_lost_callback_is_never_sent(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """Nor repeated; the journal says so, and the query tells the truth."""
    out_no = (await merchant.place())["out_no"]
    await simulator.call("fault", op="callback", do="lost", times=1, out_no=out_no)
    await simulator.call("pay", out_no=out_no)
    (entry,) = await sent_entries(simulator, out_no, 1)
    assert ("never sent", "lost") == (entry["verdict"], entry["fault"])
    assert "paid" == (await merchant.query(out_no)).body["state"]
    await merchant.place_paid()
    assert out_no != (await receiver.next()).content["resource"]["out_no"]


async def test_a_duplicate_callback_comes_three_times(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """At once, with one id."""
    out_no = (await merchant.place())["out_no"]
    await simulator.call("fault", op="callback", do="duplicate", times=1, out_no=out_no)
    await simulator.call("pay", out_no=out_no)
    ids = {(await receiver.next()).content["notify_id"] for _ in range(3)}
    assert 1 == len(ids)
    assert ["acknowledged"] * 3 == [entry["verdict"] for entry in await sent_entries(simulator, out_no, 3)]


async def test_a_late_callback_comes_after_its_delay(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """It waits on the clock of the simulator."""
    out_no = (await merchant.place())["out_no"]
    await simulator.call("fault", op="callback", do="late", times=1, out_no=out_no, delay_s=40)
    await simulator.call("pay", out_no=out_no)
    await merchant.place_paid()
    assert out_no != (await receiver.next()).content["resource"]["out_no"]
    await simulator.call("clock", advance_s=40)
    assert out_no == (await receiver.next()).content["resource"]["out_no"]


async def test_a_wrong_amount_is_stated_one_unit_short(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """The callback lies and verifies; the book is right."""
    out_no = (await merchant.place())["out_no"]
    await simulator.call("fault", op="callback", do="wrong_amount", times=1, out_no=out_no)
    await simulator.call("pay", out_no=out_no)
    callback = await receiver.next()
    assert callback.verifies(merchant.channel_public_key)
    assert 9999 == callback.content["resource"]["paid_amount_minor"]
    assert 10000 == (await merchant.query(out_no)).body["paid_amount_minor"]


async def test_a_callback_with_a_bad_signature_does_not_verify(
    merchant: Merchant, simulator: SimulatorProcess, receiver: Receiver
) -> None:
    """The receiver refuses it, and the repeat is right."""
    receiver.answers = [(401, b"")]
    out_no = (await merchant.place())["out_no"]
    await simulator.call("fault", op="callback", do="bad_signature", times=1, out_no=out_no)
    await simulator.call("pay", out_no=out_no)
    assert not (await receiver.next()).verifies(merchant.channel_public_key)
    assert (await receiver.next()).verifies(merchant.channel_public_key)


async def test_a_refund_is_told_when_asked(merchant: Merchant, receiver: Receiver) -> None:
    """Its callback has kind `refund` and the refund as resource."""
    out_no, refund_no = await merchant.place_paid(), new_number()
    await receiver.next()
    await merchant.refund(out_no, 100, out_refund_no=refund_no, notify_url=receiver.url)
    content = (await receiver.next()).content
    assert ("refund", refund_no, "succeeded") == (
        content["kind"],
        content["resource"]["out_refund_no"],
        content["resource"]["state"],
    )
