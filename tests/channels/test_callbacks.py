"""Notifications: verified over the received bytes, then told in our words."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.base import AnswerState, CallbackKind, Inbound, OrderAnswer, RefundAnswer, RefundAnswerState
from channels.errors import CallbackRefused
from channels.registry import Channels
from tests.channels.parties import SimParty, a_refund, an_account, an_order
from tests.channels.wire_peer import ChannelKey
from tests.simulator.outside import Callback as Received
from tests.simulator.outside import Receiver

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TARGET = "/callbacks/sim/cha_1?try=1"


def inbound(received: Received, **changes: object) -> Inbound:
    """The request as the web layer would hand it over."""
    request = {
        "method": "POST",
        "path_and_query": received.target,
        "headers": received.headers,
        "body": received.body,
        "received_at": datetime.now(UTC),
    }
    return Inbound.model_validate(request | changes)


def notice(key: ChannelKey, *, at: datetime = NOW, **changes: Any) -> Inbound:  # noqa: ANN401 - any field of it
    """A payment notice that the channel signed at `at` and that we receive at NOW."""
    resource = {"out_no": "PAYMENT1", "channel_no": "SIM1", "state": "paid", "amount_minor": 10_000}
    resource |= {"paid_amount_minor": 10_000, "currency": "CNY", "invoke": "qr", "qr_text": "x", "url": None}
    resource |= {"expire_at": "2026-03-01T12:15:00Z", "paid_at": "2026-03-01T11:59:59Z", "added_later": 1}
    content: dict[str, Any] = {"notify_id": "ntf_1", "kind": "payment", "app_id": "app_test", "new": [1]}
    body = json.dumps(content | {"created_at": "2026-03-01T12:00:00Z", "resource": resource} | changes).encode()
    headers = key.callback_headers(TARGET, body, at=at)
    return Inbound(method="POST", path_and_query=TARGET, headers=headers, body=body, received_at=NOW)


async def test_a_payment_notice_of_the_channel_is_verified_and_told(
    channels: Channels, party: SimParty, receiver: Receiver
) -> None:
    """What the channel really sends is understood, and its repeat has the same key."""
    sim, order = channels.channel("sim"), an_order(notify_url=receiver.url)
    receiver.answers.append((sim.ack_fail.status, sim.ack_fail.body))
    await sim.pay(party.account, order)
    await party.payer_pays(order.out_no)
    first, repeat = [sim.parse_callback(party.account, inbound(await receiver.next())) for _ in range(2)]
    assert isinstance(first.answer, OrderAnswer)
    assert (CallbackKind.PAYMENT, order.out_no, True) == (first.kind, first.out_no, first.account_matches)
    assert (AnswerState.PAID, 10_000) == (first.answer.state, first.answer.paid_amount_minor)
    assert first.dedupe_key == repeat.dedupe_key


async def test_a_refund_notice_of_the_channel_is_verified_and_told(
    channels: Channels, party: SimParty, receiver: Receiver
) -> None:
    """A refund's notice names both numbers."""
    sim, order = channels.channel("sim"), an_order()
    await sim.pay(party.account, order)
    await party.payer_pays(order.out_no)
    refund = a_refund(order.out_no, 2_500, notify_url=receiver.url)
    await sim.refund(party.account, refund)
    told = sim.parse_callback(party.account, inbound(await receiver.next()))
    assert isinstance(told.answer, RefundAnswer)
    assert (order.out_no, refund.out_refund_no) == (told.out_no, told.out_refund_no)
    assert (RefundAnswerState.SUCCEEDED, 2_500) == (told.answer.state, told.answer.amount_minor)


async def test_the_acknowledgement_stops_the_repeats(channels: Channels, party: SimParty, receiver: Receiver) -> None:
    """`ack_ok`, word for word, is what the channel takes for success."""
    sim, order = channels.channel("sim"), an_order(notify_url=receiver.url)
    await sim.pay(party.account, order)
    await party.payer_pays(order.out_no)
    told = sim.parse_callback(party.account, inbound(await receiver.next()))
    assert (200, {"code": "OK"}) == (told.ack_ok.status, json.loads(told.ack_ok.body))
    assert told.ack_fail == sim.ack_fail


async def test_a_tampered_notice_of_the_channel_is_refused(
    channels: Channels, party: SimParty, receiver: Receiver
) -> None:
    """One changed byte of body, path or method, or a missing header, and it proves nothing."""
    sim, order = channels.channel("sim"), an_order(notify_url=receiver.url)
    await sim.pay(party.account, order)
    await party.payer_pays(order.out_no)
    received = await receiver.next()
    tampered: list[dict[str, object]] = [
        {"body": received.body.replace(b"10000", b"10001")},
        {"body": json.dumps(json.loads(received.body), indent=1).encode()},
        {"path_and_query": received.target + "0"},
        {"method": "GET"},
        {"headers": {}},
    ]
    for change in tampered:
        with pytest.raises(CallbackRefused, match="bad_signature"):
            sim.parse_callback(party.account, inbound(received, **change))


async def test_a_notice_with_a_bad_signature_of_the_channel_is_refused(
    channels: Channels, party: SimParty, receiver: Receiver
) -> None:
    """The simulator's fault is seen, and the good repeat is accepted."""
    sim, order = channels.channel("sim"), an_order(notify_url=receiver.url)
    await sim.pay(party.account, order)
    await party.fault("callback", "bad_signature", order.out_no)
    receiver.answers.append((sim.ack_fail.status, sim.ack_fail.body))
    await party.payer_pays(order.out_no)
    with pytest.raises(CallbackRefused):
        sim.parse_callback(party.account, inbound(await receiver.next()))
    assert order.out_no == sim.parse_callback(party.account, inbound(await receiver.next())).out_no


def test_fields_that_the_channel_adds_are_passed_over(channels: Channels, channel_key: ChannelKey) -> None:
    """Unknown fields change nothing, and header names are found in any case."""
    account = an_account(ChannelKey().key, channel_key.public)
    told = channels.channel("sim").parse_callback(account, notice(channel_key))
    assert ("ntf_1", "PAYMENT1") == (told.dedupe_key, told.out_no)


@pytest.mark.parametrize(("age_s", "is_accepted"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_a_notice_is_refused_300_s_from_now_on_either_side(
    channels: Channels, channel_key: ChannelKey, *, age_s: int, is_accepted: bool
) -> None:
    """An old signature cannot be played again later."""
    account = an_account(ChannelKey().key, channel_key.public)
    request = notice(channel_key, at=NOW - timedelta(seconds=age_s))
    if is_accepted:
        assert channels.channel("sim").parse_callback(account, request).account_matches
    else:
        with pytest.raises(CallbackRefused, match="stale_timestamp"):
            channels.channel("sim").parse_callback(account, request)


def test_a_notice_for_another_merchant_is_told_apart(channels: Channels, channel_key: ChannelKey) -> None:
    """The channel signs for all its merchants with one key: the app in the signed body must be ours."""
    account = an_account(ChannelKey().key, channel_key.public)
    told = channels.channel("sim").parse_callback(account, notice(channel_key, app_id="app_other"))
    assert not told.account_matches


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "gift"},
        {"resource": {}},
        {"resource": None},
        {"notify_id": None},
        {"resource": {"out_no": "PAYMENT1", "state": "paid"}},
    ],
)
def test_a_signed_notice_that_makes_no_sense_is_refused(
    channels: Channels, channel_key: ChannelKey, changes: dict[str, Any]
) -> None:
    """An unreadable notice proves nothing, whoever signed it; its bytes are kept as evidence."""
    account = an_account(ChannelKey().key, channel_key.public)
    with pytest.raises(CallbackRefused, match="callback_unreadable") as raised:
        channels.channel("sim").parse_callback(account, notice(channel_key, **changes))
    assert raised.value.evidence is not None
    assert raised.value.evidence.raw.startswith("{")
