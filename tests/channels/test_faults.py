"""Where a failure happened decides its class; what the channel really did decides nothing."""

import pytest

from channels.base import AnswerState, RefundAnswerState
from channels.errors import ChannelError, Misconfigured, NotSent, RateLimited, Unknown
from channels.registry import Channels
from tests.channels.parties import SimParty, a_refund, an_account, an_order
from tests.channels.wire_peer import ChannelKey

COMMITTED = {
    "accept_then_timeout": "call_timeout",
    "accept_then_reset": "connection_lost",
    "status_500_commit": "SYSTEM_ERROR",
    "bad_signature": "bad_signature",
    "slow": "call_timeout",
}
NOT_COMMITTED = {"reset_before": "connection_lost", "status_500": "SYSTEM_ERROR"}


@pytest.mark.parametrize(("fault", "code"), (COMMITTED | NOT_COMMITTED).items())
async def test_a_fault_after_sending_is_unknown_and_a_query_tells_the_truth(
    channels: Channels, party: SimParty, *, fault: str, code: str
) -> None:
    """The caller sees the same class whether or not the channel executed (law 5)."""
    sim, order, account = channels.channel("sim"), an_order(), party.with_config(call_timeout_s=0.4)
    await party.fault("pay", fault, order.out_no)
    with pytest.raises(Unknown) as raised:
        await sim.pay(account, order)
    assert (code, False) == (raised.value.code, raised.value.same_number_ok)
    assert raised.value.evidence is not None
    told = await sim.query(account, order.out_no)
    assert (AnswerState.WAITING if fault in COMMITTED else AnswerState.NOT_FOUND) == told.state


@pytest.mark.parametrize("fault", ["accept_then_reset", "bad_signature", "status_500_commit"])
async def test_an_unknown_refund_is_repeated_with_its_number(channels: Channels, party: SimParty, fault: str) -> None:
    """Refund is idempotent by our number: the repeat finds the refund that the unknown call made."""
    sim, order = channels.channel("sim"), an_order()
    await sim.pay(party.account, order)
    await party.payer_pays(order.out_no)
    refund = a_refund(order.out_no, 1_000)
    await party.fault("refund", fault, order.out_no)
    with pytest.raises(Unknown):
        await sim.refund(party.account, refund)
    assert RefundAnswerState.SUCCEEDED == (await sim.refund(party.account, refund)).state
    assert 1 == len(await party.refunds(refund.out_refund_no))


@pytest.mark.parametrize("op", ["query", "close"])
async def test_a_fault_of_a_query_or_a_close_is_unknown_too(channels: Channels, party: SimParty, op: str) -> None:
    """Ask again: the next call tells."""
    sim, order = channels.channel("sim"), an_order()
    await sim.pay(party.account, order)
    await party.fault(op, "bad_signature", order.out_no)
    call = sim.query if op == "query" else sim.close
    with pytest.raises(Unknown):
        await call(party.account, order.out_no)
    expected = AnswerState.WAITING if op == "query" else AnswerState.CLOSED
    assert expected == (await call(party.account, order.out_no)).state


async def test_a_fault_of_a_refund_query_is_unknown_too(channels: Channels, party: SimParty) -> None:
    """Ask again: the next call tells."""
    sim, order = channels.channel("sim"), an_order()
    await sim.pay(party.account, order)
    await party.payer_pays(order.out_no)
    refund = a_refund(order.out_no, 1_000)
    await sim.refund(party.account, refund)
    await party.fault("refund_query", "status_500", order.out_no)
    with pytest.raises(Unknown):
        await sim.query_refund(party.account, refund.out_refund_no, out_no=order.out_no)
    told = await sim.query_refund(party.account, refund.out_refund_no, out_no=order.out_no)
    assert RefundAnswerState.SUCCEEDED == told.state


async def test_a_rate_limit_executed_nothing(channels: Channels, party: SimParty) -> None:
    """The channel signed that it did not execute: the same number may be sent again."""
    sim, order = channels.channel("sim"), an_order()
    await party.fault("pay", "status_429", order.out_no)
    with pytest.raises(RateLimited) as raised:
        await sim.pay(party.account, order)
    assert raised.value.same_number_ok
    assert AnswerState.WAITING == (await sim.pay(party.account, order)).state


async def test_a_stale_query_is_an_answer(channels: Channels, party: SimParty) -> None:
    """A channel may lag behind itself: `waiting` proves nothing, the next query tells."""
    sim, order = channels.channel("sim"), an_order()
    await sim.pay(party.account, order)
    await party.payer_pays(order.out_no)
    await party.fault("query", "stale", order.out_no)
    states = [(await sim.query(party.account, order.out_no)).state for _ in range(2)]
    assert [AnswerState.WAITING, AnswerState.PAID] == states


async def test_the_payer_may_pay_another_amount(channels: Channels, party: SimParty) -> None:
    """`paid` states what was paid, not what was asked; comparing is the caller's."""
    sim, order = channels.channel("sim"), an_order()
    await party.fault("pay", "wrong_amount", order.out_no)
    await sim.pay(party.account, order)
    await party.payer_pays(order.out_no)
    assert 9_999 == (await sim.query(party.account, order.out_no)).paid_amount_minor


async def test_a_channel_that_does_not_know_us_is_misconfigured(channels: Channels, party: SimParty) -> None:
    """An unknown app and a wrong key of ours are signed refusals: nothing was done, a person must act."""
    stranger = party.with_config(app_id="app_stranger")
    forger = an_account(ChannelKey().key, party.account.secrets["channel_public_key"].get_secret_value())
    forger = forger.model_copy(update={"config": party.account.config})
    for account in (stranger, forger):
        order = an_order()
        with pytest.raises(Misconfigured, match="SIGN_ERROR"):
            await channels.channel("sim").pay(account, order)
        assert [] == await party.orders(order.out_no)


async def test_an_answer_by_another_key_is_no_answer(channels: Channels, party: SimParty) -> None:
    """The channel executed, and we cannot trust what it says: unknown."""
    other = ChannelKey().public
    account = party.account.model_copy(update={"secrets": an_account(party.key, other).secrets})
    order = an_order()
    with pytest.raises(Unknown, match="bad_signature"):
        await channels.channel("sim").pay(account, order)
    assert 1 == len(await party.orders(order.out_no))


async def test_a_channel_that_is_down_was_never_sent_anything(channels: Channels, party: SimParty) -> None:
    """A refused connection is `NotSent`: nothing left us."""
    account = party.with_config(base_url="http://127.0.0.1:1/sim")
    with pytest.raises(NotSent) as raised:
        await channels.channel("sim").pay(account, an_order())
    assert ("connect_failed", True) == (raised.value.code, raised.value.same_number_ok)
    assert isinstance(raised.value, ChannelError)
