"""Money out: transfers, what comes back of them and of refunds, and the balance they are made from."""

from datetime import UTC, datetime

import pytest

from channels.base import (
    BalanceAnswer,
    CallbackKind,
    Inbound,
    Op,
    RefundAnswer,
    RefundAnswerState,
    TransferAnswer,
    TransferAnswerState,
    TransferOrder,
)
from channels.errors import Misconfigured, RateLimited, Unknown, Unsupported
from channels.registry import Channels
from domain.ids import new_out_no
from domain.money import Currency, Money
from tests.channels.parties import SimParty, a_refund, a_transfer, an_account, an_order, yuan
from tests.channels.wire_peer import ChannelKey, Peer, signed_answer
from tests.simulator.outside import Receiver

TOLD = (
    b'{"out_transfer_no":"%s","channel_transfer_no":"SIMT1","state":"succeeded","amount_minor":%s,"currency":"%s",'
    b'"succeeded_at":"2026-03-01T12:00:00Z","returned_at":null,"fail_code":null}'
)


async def transferred(channels: Channels, party: SimParty, amount_minor: int = 4_000) -> TransferOrder:
    """A transfer out of a balance of 100.00 that the payee has."""
    order = a_transfer(amount_minor)
    await party.has_balance(10_000)
    await channels.channel(party.account.channel).transfer(party.account, order)
    return order


async def balance_minor(channels: Channels, party: SimParty) -> int:
    """Our money at the channel, as it says."""
    return (await channels.channel(party.account.channel).balance(party.account)).available.amount_minor


async def told(channels: Channels, party: SimParty, receiver: Receiver) -> tuple[CallbackKind, str, str | None]:
    """The next notification's kind and numbers."""
    received = await receiver.next()
    inbound = Inbound(
        method="POST",
        path_and_query=received.target,
        headers=received.headers,
        body=received.body,
        received_at=datetime.now(UTC),
    )
    callback = channels.channel(party.account.channel).parse_callback(party.account, inbound)
    assert isinstance(callback.answer, TransferAnswer | RefundAnswer)
    return callback.kind, f"{callback.out_no} {callback.answer.state}", callback.out_transfer_no


async def test_a_transfer_moves_money_once(channels: Channels, party: SimParty) -> None:
    """A repeat with the same number is the same transfer; a query tells the same, the balance fell once."""
    channel, order = channels.channel(party.account.channel), a_transfer(4_000, name="李雷", memo="May")
    await party.has_balance(10_000)
    answers = [await channel.transfer(party.account, order) for _ in range(2)]
    answers.append(await channel.query_transfer(party.account, order.out_transfer_no))
    assert {(TransferAnswerState.SUCCEEDED, 4_000, Currency.CNY)} == {
        (answer.state, answer.amount_minor, answer.currency) for answer in answers
    }
    assert 1 == len({(answer.channel_transfer_no, answer.succeeded_at) for answer in answers})
    assert 1 == len(await party.transfers(order.out_transfer_no))
    assert 6_000 == await balance_minor(channels, party)


async def test_a_returned_transfer_keeps_when_it_succeeded(channels: Channels, party: SimParty) -> None:
    """The money is in our balance again, and the answer says when it went and when it came back."""
    order, channel = await transferred(channels, party), channels.channel(party.account.channel)
    returned = {"transfer_no": order.out_transfer_no, "state": "returned", "code": "NO_SUCH_ACCOUNT"}
    await party.simulator.call("transfer", **returned)
    answer = await channel.query_transfer(party.account, order.out_transfer_no)
    assert (TransferAnswerState.RETURNED, "NO_SUCH_ACCOUNT") == (answer.state, answer.code)
    assert answer.succeeded_at is not None
    assert answer.returned_at is not None
    assert answer.succeeded_at <= answer.returned_at
    assert 10_000 == await balance_minor(channels, party)


async def test_a_refusing_payee_fails_the_transfer(channels: Channels, party: SimParty) -> None:
    """The channel's word is final; it has no such transfer and kept the money."""
    channel, order = channels.channel(party.account.channel), a_transfer(4_000, account="refuse-1")
    await party.has_balance(10_000)
    answer = await channel.transfer(party.account, order)
    asked = await channel.query_transfer(party.account, order.out_transfer_no)
    assert (TransferAnswerState.FAILED, "PAYEE_REFUSED") == (answer.state, answer.code)
    assert TransferAnswerState.NOT_FOUND == asked.state
    assert 10_000 == await balance_minor(channels, party)


async def test_a_transfer_without_money_at_the_channel_needs_action(channels: Channels, party: SimParty) -> None:
    """Once a person has put money there, the same number goes through."""
    channel, order = channels.channel(party.account.channel), a_transfer(4_000)
    await party.has_balance(3_999)
    refused = await channel.transfer(party.account, order)
    await party.has_balance(1)
    repeated = await channel.transfer(party.account, order)
    assert (TransferAnswerState.NEEDS_ACTION, "APP_BALANCE_NOT_ENOUGH") == (refused.state, refused.code)
    assert TransferAnswerState.SUCCEEDED == repeated.state


@pytest.mark.parametrize("change", [{"account": "other@example.com"}, {"money": yuan(1)}, {"memo": "June"}])
async def test_a_number_that_was_used_otherwise_is_unknown(
    channels: Channels, party: SimParty, change: dict[str, object]
) -> None:
    """The number exists: only a query tells what became of it, and the other fields moved nothing."""
    order, channel = await transferred(channels, party), channels.channel(party.account.channel)
    with pytest.raises(Unknown, match="DUPLICATE_MISMATCH"):
        await channel.transfer(party.account, order.model_copy(update=change))
    assert 6_000 == await balance_minor(channels, party)


async def test_the_balance_is_of_the_accounts_currency(channels: Channels, party: SimParty) -> None:
    """What payers paid less what went out, with evidence; another currency has its own."""
    channel, dollars = channels.channel(party.account.channel), {"currency": Currency.USD}
    await party.has_balance(700)
    answer = await channel.balance(party.account)
    other = await channel.balance(party.account.model_copy(update=dollars))
    assert isinstance(answer, BalanceAnswer)
    assert (yuan(700), Op.BALANCE) == (answer.available, answer.evidence.op)
    assert Money(amount_minor=0, currency=Currency.USD) == other.available


async def test_a_bounced_refund_keeps_when_it_succeeded(
    channels: Channels, party: SimParty, receiver: Receiver
) -> None:
    """`bounced` follows `succeeded`, is told by a notification of its own, and the money is in our balance again."""
    channel, order = channels.channel(party.account.channel), an_order()
    await channel.pay(party.account, order)
    await party.payer_pays(order.out_no)
    refund = a_refund(order.out_no, 2_500, notify_url=receiver.url)
    await channel.refund(party.account, refund)
    assert (CallbackKind.REFUND, f"{order.out_no} succeeded", None) == await told(channels, party, receiver)
    await party.simulator.call("refund", refund_no=refund.out_refund_no, state="bounced", code="CARD_GONE")
    assert (CallbackKind.REFUND, f"{order.out_no} bounced", None) == await told(channels, party, receiver)
    answer = await channel.query_refund(party.account, refund.out_refund_no, out_no=order.out_no)
    assert (RefundAnswerState.BOUNCED, "CARD_GONE") == (answer.state, answer.code)
    assert answer.succeeded_at is not None
    assert answer.bounced_at is not None
    assert 10_000 == await balance_minor(channels, party)


async def test_a_transfer_tells_its_success_and_its_return(
    channels: Channels, party: SimParty, receiver: Receiver
) -> None:
    """Each is a notification of its own that names the transfer's number twice."""
    order, channel = a_transfer(4_000, notify_url=receiver.url), channels.channel(party.account.channel)
    number = order.out_transfer_no
    await party.has_balance(10_000)
    await channel.transfer(party.account, order)
    assert (CallbackKind.TRANSFER, f"{number} succeeded", number) == await told(channels, party, receiver)
    await party.simulator.call("transfer", transfer_no=number, state="returned")
    assert (CallbackKind.TRANSFER, f"{number} returned", number) == await told(channels, party, receiver)


@pytest.mark.parametrize(
    ("fault", "code", "is_executed"),
    [
        ("accept_then_timeout", "call_timeout", True),
        ("accept_then_reset", "connection_lost", True),
        ("status_500_commit", "SYSTEM_ERROR", True),
        ("bad_signature", "bad_signature", True),
        ("reset_before", "connection_lost", False),
        ("status_500", "SYSTEM_ERROR", False),
    ],
)
async def test_a_fault_after_sending_is_unknown_and_the_number_is_safe(
    channels: Channels, party: SimParty, *, fault: str, code: str, is_executed: bool
) -> None:
    """The caller sees the same class either way (law 5); a query tells, and a repeat moves the money once."""
    channel, order, account = channels.channel("sim"), a_transfer(4_000), party.with_config(call_timeout_s=0.4)
    await party.has_balance(10_000)
    await party.fault("transfer", fault, order.out_transfer_no)
    with pytest.raises(Unknown) as raised:
        await channel.transfer(account, order)
    assert (code, False) == (raised.value.code, raised.value.same_number_ok)
    asked = await channel.query_transfer(party.account, order.out_transfer_no)
    assert (TransferAnswerState.SUCCEEDED if is_executed else TransferAnswerState.NOT_FOUND) == asked.state
    assert TransferAnswerState.SUCCEEDED == (await channel.transfer(party.account, order)).state
    assert 6_000 == await balance_minor(channels, party)


async def test_a_rate_limited_transfer_was_not_executed(channels: Channels, party: SimParty) -> None:
    """The channel signed that it did nothing: the same number may be sent again."""
    channel, order = channels.channel("sim"), a_transfer(4_000)
    await party.has_balance(10_000)
    await party.fault("transfer", "status_429", order.out_transfer_no)
    with pytest.raises(RateLimited):
        await channel.transfer(party.account, order)
    assert TransferAnswerState.SUCCEEDED == (await channel.transfer(party.account, order)).state


@pytest.mark.parametrize("fault", ["status_500", "bad_signature"])
async def test_a_fault_of_a_question_means_ask_again(channels: Channels, party: SimParty, fault: str) -> None:
    """A transfer query or a balance that was not answered decides nothing."""
    order, channel = await transferred(channels, party), channels.channel("sim")
    await party.fault("transfer_query", fault, order.out_transfer_no)
    with pytest.raises(Unknown):
        await channel.query_transfer(party.account, order.out_transfer_no)
    of_us = {"app_id": party.account.config["app_id"]}
    await party.simulator.call("fault", op="balance", do=fault, times=1, **of_us)
    with pytest.raises(Unknown):
        await channel.balance(party.account)
    answer = await channel.query_transfer(party.account, order.out_transfer_no)
    assert (TransferAnswerState.SUCCEEDED, 6_000) == (answer.state, await balance_minor(channels, party))


async def test_a_stale_transfer_query_is_an_answer(channels: Channels, party: SimParty) -> None:
    """A channel may lag behind itself: `processing` proves nothing, the next query tells."""
    order, channel = await transferred(channels, party), channels.channel("sim")
    await party.fault("transfer_query", "stale", order.out_transfer_no)
    states = [(await channel.query_transfer(party.account, order.out_transfer_no)).state for _ in range(2)]
    assert [TransferAnswerState.PROCESSING, TransferAnswerState.SUCCEEDED] == states


async def test_another_merchants_transfer_is_not_found(channels: Channels, party: SimParty) -> None:
    """Numbers of others do not exist for us, and an app that is not ours is refused."""
    order, channel = await transferred(channels, party), channels.channel("sim")
    stranger = await SimParty.register(party.simulator)
    asked = await channel.query_transfer(stranger.account, order.out_transfer_no)
    assert TransferAnswerState.NOT_FOUND == asked.state
    with pytest.raises(Misconfigured):
        await channel.balance(party.with_config(app_id="app_stranger"))


@pytest.mark.parametrize(
    "change",
    [
        {"money": Money(amount_minor=100, currency=Currency.USD)},
        {"money": yuan(10**12)},
        {"money": yuan(0)},
        {"out_transfer_no": "../balance"},
    ],
)
async def test_what_cannot_be_transferred_is_refused_unsent(
    channels: Channels, party: SimParty, change: dict[str, object]
) -> None:
    """`Unsupported` is raised before any I/O: the address of this account answers nobody."""
    unreachable = party.with_config(base_url="http://127.0.0.1:1/sim")
    with pytest.raises(Unsupported):
        await channels.channel("sim").transfer(unreachable, a_transfer(1).model_copy(update=change))


async def test_an_unknown_transfer_is_not_found(channels: Channels, party: SimParty) -> None:
    """`not_found` is an answer, not a proof."""
    answer = await channels.channel(party.account.channel).query_transfer(party.account, new_out_no())
    assert (TransferAnswerState.NOT_FOUND, "TRANSFER_NOT_FOUND") == (answer.state, answer.code)


def test_a_transfer_does_not_show_who_is_paid() -> None:
    """Neither account nor name appears in what a log would print (law 14)."""
    order = a_transfer(1, account="13800000000", name="韩梅梅")
    assert not [secret for secret in ("13800000000", "韩梅梅") if secret in f"{order!r} {order}"]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        TOLD % (b"OTHERNO001", b"4000", b"CNY"),
        TOLD % (b"TRANSFER01", b"4001", b"CNY"),
        TOLD % (b"TRANSFER01", b"4000", b"USD"),
        TOLD % (b"TRANSFER01", b"-4000", b"CNY"),
        TOLD % (b"TRANSFER01", b"4000.0", b"CNY"),
    ],
)
async def test_a_signed_answer_that_is_not_our_transfer_is_unknown(
    channels: Channels, channel_key: ChannelKey, body: bytes
) -> None:
    """Another number, amount or currency, or nonsense, says nothing of what was asked for."""
    async with Peer(signed_answer(channel_key, 200, body)).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        with pytest.raises(Unknown, match="answer_"):
            await channels.channel("sim").transfer(account, a_transfer(4_000, out_transfer_no="TRANSFER01"))


@pytest.mark.parametrize("body", [b"{}", b'{"currency":"USD","available_minor":1}'])
async def test_a_signed_answer_that_is_not_our_balance_is_unknown(
    channels: Channels, channel_key: ChannelKey, body: bytes
) -> None:
    """The balance of another currency is not ours."""
    async with Peer(signed_answer(channel_key, 200, body)).listening() as peer:
        account = an_account(ChannelKey().key, channel_key.public, base_url=f"{peer.url}/sim")
        with pytest.raises(Unknown, match="answer_"):
            await channels.channel("sim").balance(account)
