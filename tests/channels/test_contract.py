"""What every adapter owes its callers, over real HTTP to the channel."""

from datetime import UTC, datetime

import pytest

from channels.base import AnswerState, Op, PayOrder, RefundAnswerState
from channels.errors import Unknown, Unsupported
from channels.registry import Channels
from domain.ids import new_out_no
from domain.money import Currency, Money
from domain.states import Invoke
from tests.channels.parties import PAID_AUTH_CODE, SimParty, a_refund, an_order, yuan


async def paid(channels: Channels, party: SimParty, amount_minor: int = 10_000) -> PayOrder:
    """An order that the payer has paid."""
    order = an_order(money=yuan(amount_minor))
    await channels.channel(party.account.channel).pay(party.account, order)
    await party.payer_pays(order.out_no)
    return order


async def test_a_new_order_waits_for_its_payer_and_says_what_to_show(channels: Channels, party: SimParty) -> None:
    """Pay answers with what the payer needs; the channel's book has the order once, in our amount."""
    order = an_order()
    answer = await channels.channel(party.account.channel).pay(party.account, order)
    assert (AnswerState.WAITING, "qr") == (answer.state, answer.pay and answer.pay.kind)
    assert [(answer.channel_no, 10_000)] == [
        (row["channel_no"], row["amount_minor"]) for row in await party.orders(order.out_no)
    ]


async def test_a_page_sends_the_payer_to_an_address(channels: Channels, party: SimParty) -> None:
    """With invoke `page` the action is a redirect that expires when the order does."""
    order = an_order(invoke=Invoke.PAGE, return_url="https://shop.example/back")
    answer = await channels.channel(party.account.channel).pay(party.account, order)
    assert answer.pay is not None
    assert "redirect" == answer.pay.kind
    assert abs((order.expires_at - answer.pay.expires_at).total_seconds()) < 0.01


async def test_paying_twice_with_one_number_makes_one_order(channels: Channels, party: SimParty) -> None:
    """Where pay is idempotent, a repeat answers with the first order (law 4)."""
    channel, order = channels.channel(party.account.channel), an_order()
    assert Op.PAY in channel.capabilities(party.account).idempotent_ops
    first, second = await channel.pay(party.account, order), await channel.pay(party.account, order)
    assert first.channel_no == second.channel_no
    assert 1 == len(await party.orders(order.out_no))


async def test_the_same_number_with_other_fields_is_unknown(channels: Channels, party: SimParty) -> None:
    """The number exists, so nothing proves that it cannot be paid: only a query tells (law 5)."""
    channel, order = channels.channel(party.account.channel), an_order()
    await channel.pay(party.account, order)
    with pytest.raises(Unknown, match="DUPLICATE_MISMATCH"):
        await channel.pay(party.account, order.model_copy(update={"money": yuan(9_999)}))


async def test_a_barcode_takes_the_money_in_the_call(channels: Channels, party: SimParty) -> None:
    """The answer of pay itself is `paid`, with the amount and the time."""
    order = an_order(invoke=Invoke.BARCODE, auth_code=PAID_AUTH_CODE)
    answer = await channels.channel(party.account.channel).pay(party.account, order)
    assert (AnswerState.PAID, 10_000, Currency.CNY) == (answer.state, answer.paid_amount_minor, answer.currency)
    assert answer.paid_at is not None


@pytest.mark.parametrize(
    ("auth_code", "state"), [("28decline1", AnswerState.DECLINED), ("28wait0001", AnswerState.WAITING)]
)
async def test_a_barcode_may_be_declined_or_wait(
    channels: Channels, party: SimParty, *, auth_code: str, state: AnswerState
) -> None:
    """A decline is an answer, not an exception; a password prompt is `waiting`."""
    order = an_order(invoke=Invoke.BARCODE, auth_code=auth_code)
    assert state == (await channels.channel(party.account.channel).pay(party.account, order)).state


async def test_an_order_that_the_channel_refuses_is_rejected(channels: Channels, party: SimParty) -> None:
    """Refused fields make no order: `rejected` carries the channel's code, and its book has nothing."""
    order = an_order(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    answer = await channels.channel(party.account.channel).pay(party.account, order)
    assert (AnswerState.REJECTED, "PARAM_ERROR") == (answer.state, answer.code)
    assert [] == await party.orders(order.out_no)


async def test_a_query_follows_the_order(channels: Channels, party: SimParty) -> None:
    """Not found, waiting with the same action, then paid with what was really paid."""
    channel, order = channels.channel(party.account.channel), an_order()
    assert AnswerState.NOT_FOUND == (await channel.query(party.account, order.out_no)).state
    made = await channel.pay(party.account, order)
    waiting = await channel.query(party.account, order.out_no)
    assert (AnswerState.WAITING, made.pay) == (waiting.state, waiting.pay)
    await party.payer_pays(order.out_no, amount_minor=9_999)
    paid_order = await channel.query(party.account, order.out_no)
    assert (AnswerState.PAID, 9_999, None) == (paid_order.state, paid_order.paid_amount_minor, paid_order.pay)


async def test_a_query_tells_a_final_decline(channels: Channels, party: SimParty) -> None:
    """`declined` is final at the channel."""
    channel, order = channels.channel(party.account.channel), an_order()
    await channel.pay(party.account, order)
    await party.payer_is_declined(order.out_no)
    assert AnswerState.DECLINED == (await channel.query(party.account, order.out_no)).state


async def test_closing_ends_the_order_and_may_be_repeated(channels: Channels, party: SimParty) -> None:
    """Close answers `closed` each time, and so does a query."""
    channel, order = channels.channel(party.account.channel), an_order()
    await channel.pay(party.account, order)
    answers = [await channel.close(party.account, order.out_no) for _ in range(2)]
    answers.append(await channel.query(party.account, order.out_no))
    assert [AnswerState.CLOSED] * 3 == [answer.state for answer in answers]


async def test_closing_a_paid_order_answers_paid_with_the_amount(channels: Channels, party: SimParty) -> None:
    """Whoever closes learns at once that money came, and how much."""
    order = await paid(channels, party, 8_800)
    answer = await channels.channel(party.account.channel).close(party.account, order.out_no)
    assert (AnswerState.PAID, 8_800) == (answer.state, answer.paid_amount_minor)


async def test_closing_what_the_channel_does_not_have_is_not_found(channels: Channels, party: SimParty) -> None:
    """`not_found` is an answer, not a proof."""
    answer = await channels.channel(party.account.channel).close(party.account, new_out_no())
    assert AnswerState.NOT_FOUND == answer.state


async def test_a_refund_gives_money_back_once(channels: Channels, party: SimParty) -> None:
    """A repeat with the same number is the same refund; a query tells the same."""
    channel, order = channels.channel(party.account.channel), await paid(channels, party)
    refund = a_refund(order.out_no, 4_000)
    answers = [await channel.refund(party.account, refund) for _ in range(2)]
    answers.append(await channel.query_refund(party.account, refund.out_refund_no, out_no=order.out_no))
    assert {(RefundAnswerState.SUCCEEDED, 4_000, Currency.CNY)} == {
        (answer.state, answer.amount_minor, answer.currency) for answer in answers
    }
    assert 1 == len({answer.channel_refund_no for answer in answers})
    assert 1 == len(await party.refunds(refund.out_refund_no))


async def test_a_refund_above_what_is_left_fails(channels: Channels, party: SimParty) -> None:
    """The channel's refusal is final and made no refund."""
    channel, order = channels.channel(party.account.channel), await paid(channels, party)
    refund = a_refund(order.out_no, 10_001)
    answer = await channel.refund(party.account, refund)
    assert (RefundAnswerState.FAILED, "REFUND_EXCEEDS") == (answer.state, answer.code)
    assert [] == await party.refunds(refund.out_refund_no)


async def test_a_refund_without_money_at_the_channel_needs_action(channels: Channels, party: SimParty) -> None:
    """Once a person has put money there, the same number goes through."""
    channel, order = channels.channel(party.account.channel), await paid(channels, party)
    app_id, refund = party.account.config["app_id"], a_refund(order.out_no, 4_000)
    await party.simulator.call("withdraw", app_id=app_id, currency="CNY", amount_minor=10_000)
    refused = await channel.refund(party.account, refund)
    await party.simulator.call("withdraw", app_id=app_id, currency="CNY", amount_minor=-10_000)
    repeated = await channel.refund(party.account, refund)
    assert (RefundAnswerState.NEEDS_ACTION, RefundAnswerState.SUCCEEDED) == (refused.state, repeated.state)


async def test_an_unknown_refund_is_not_found(channels: Channels, party: SimParty) -> None:
    """`not_found` is an answer, not a proof."""
    channel = channels.channel(party.account.channel)
    answer = await channel.query_refund(party.account, new_out_no(), out_no=new_out_no())
    assert RefundAnswerState.NOT_FOUND == answer.state


async def test_an_answer_carries_its_evidence(channels: Channels, party: SimParty) -> None:
    """Evidence names the operation, the status, the request and the body that the channel signed."""
    order = an_order()
    evidence = (await channels.channel(party.account.channel).pay(party.account, order)).evidence
    assert (Op.PAY, 200) == (evidence.op, evidence.http_status)
    assert evidence.request_id is not None
    assert order.out_no in evidence.raw


@pytest.mark.parametrize(
    "change",
    [
        {"invoke": Invoke.JSAPI},
        {"money": Money(amount_minor=100, currency=Currency.USD)},
        {"money": yuan(10**12)},
        {"out_no": "../close"},
    ],
)
async def test_what_the_account_cannot_take_is_refused_unsent(
    channels: Channels, party: SimParty, change: dict[str, object]
) -> None:
    """`Unsupported` is raised before any I/O: the address of this account answers nobody."""
    unreachable = party.with_config(base_url="http://127.0.0.1:1/sim")
    with pytest.raises(Unsupported):
        await channels.channel(party.account.channel).pay(unreachable, an_order().model_copy(update=change))
