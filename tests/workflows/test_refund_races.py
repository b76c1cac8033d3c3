"""Sends that overtake each other, and words that contradict: nothing that may have happened is called failed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.refund import RefundSteps
from activities.refund_calls import RefundCalls
from domain.outgoing import RefundCommand
from store.database import Database
from store.failpoints import Failpoints
from tests.support.centre import worker_parts
from tests.support.gate import PATIENCE_S, Gate
from tests.support.refunds import Refunds
from tests.support.shop import Shop

AMOUNT_MINOR = 1_000
CallsAt = Callable[[Failpoints], RefundCalls]


@pytest.fixture
async def refunds(shop: Shop) -> Refunds:
    """Each waits for an operator, so that its workflow leaves the sending to the test."""
    refunds = Refunds(shop)
    await refunds.rule(approval_above_minor=0)
    return refunds


@pytest.fixture
async def calls_at(shop: Shop) -> AsyncIterator[CallsAt]:
    """Channel calls of a worker that stops at these failpoints."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(worker_parts(shop.centre.settings))

        def calls(failpoints: Failpoints) -> RefundCalls:
            url = shop.centre.addresses.database_url
            database = Database.connect(url, pool_size=2, failpoints=failpoints)
            stack.push_async_callback(database.close)
            return RefundCalls(database, parts.accounts, parts.channels, shop.centre.settings.public_url)

        yield calls


async def test_a_refusal_of_the_first_send_proves_nothing_once_a_second_went_out(
    shop: Shop, refunds: Refunds, calls_at: CallsAt
) -> None:
    """The engine gave the first run up and sent again; its late refusal says nothing of the other's success."""
    paid, unpaid = await refunds.paid(), await shop.pay()
    command = await _ready_to_send(shop, refunds, paid["id"])
    first, second = Gate("channel.refund.call:after"), Gate("channel.refund.call:after")
    # The channel refuses the first: nobody has paid the order that this one names.
    await _names_order(refunds, command, unpaid["out_no"])
    refused = asyncio.create_task(ActivityEnvironment().run(calls_at(first).refund, command))
    await first.reached()
    await _names_order(refunds, command, paid["out_no"])
    accepted = asyncio.create_task(ActivityEnvironment().run(calls_at(second).refund, command))
    await second.reached()
    first.open()
    assert "unknown" == (await refused).leg_state
    second.open()
    assert "known_ok" == (await accepted).leg_state
    await refunds.start_again(command.refund_id)
    await refunds.until(command.refund_id, "succeeded")
    await refunds.sound()


async def test_only_a_proven_refusal_or_a_decision_fails_a_refund(shop: Shop, refunds: Refunds) -> None:
    """A coordinator that is wrong stalls: what is held stays held."""
    paid = await refunds.paid()
    command = await _ready_to_send(shop, refunds, paid["id"])
    steps = RefundSteps(shop.centre.database)
    for leg in ("intent", "sent", "unknown", "known_ok"):
        await refunds.change("UPDATE refund SET leg_state = :leg WHERE id = :id", leg=leg, id=command.refund_id)
        with pytest.raises(RuntimeError, match="nobody has refused"):
            await ActivityEnvironment().run(steps.fail, command)
    await refunds.change(
        "UPDATE refund SET leg_state = 'unknown', approval = 'rejected' WHERE id = :id", id=command.refund_id
    )
    with pytest.raises(RuntimeError, match="nobody has refused"):
        await ActivityEnvironment().run(steps.fail, command)
    assert 1 == await refunds.open_holds(command.refund_id)


async def test_a_word_that_contradicts_a_refusal_is_for_a_person(shop: Shop, refunds: Refunds) -> None:
    """Flagged once, with its owner, before the refund has failed and after; failing does not clear it."""
    paid = await refunds.paid()
    command = await _ready_to_send(shop, refunds, paid["id"])
    await refunds.send_by_hand(command.refund_id)
    await refunds.change("UPDATE refund SET leg_state = 'known_fail' WHERE id = :id", id=command.refund_id)
    contradiction = {"reason": "channel_contradicts", "owner": "operations"}
    await refunds.ask_channel(command.refund_id)
    flagged = await shop.get(f"/v1/refunds/{command.refund_id}")
    assert ("processing", contradiction) == (flagged["state"], flagged["attention"])
    await ActivityEnvironment().run(RefundSteps(shop.centre.database).fail, command)
    await refunds.ask_channel(command.refund_id)
    failed = await shop.get(f"/v1/refunds/{command.refund_id}")
    assert ("failed", contradiction, flagged["version"] + 1) == (
        failed["state"],
        failed["attention"],
        failed["version"],
    )


@pytest.mark.parametrize(("call", "point"), [("refund", "refund.sent:before"), ("query", "refund.known:before")])
async def test_the_engine_hears_of_a_call_for_as_long_as_it_runs(
    shop: Shop, refunds: Refunds, calls_at: CallsAt, call: str, point: str
) -> None:
    """Also while it waits for the database: otherwise another run takes over beside it."""
    paid = await refunds.paid()
    command = await _ready_to_send(shop, refunds, paid["id"])
    gate, beaten = Gate(point), asyncio.Event()
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *_: beaten.set()
    running = asyncio.create_task(environment.run(getattr(calls_at(gate), call), command))
    await gate.reached()
    await asyncio.wait_for(beaten.wait(), PATIENCE_S)
    gate.open()
    await running


async def _ready_to_send(shop: Shop, refunds: Refunds, payment_id: str) -> RefundCommand:
    """A refund that may be sent, and whose workflow is gone."""
    started = await refunds.start(payment_id, AMOUNT_MINOR)
    await shop.centre.temporal.get_workflow_handle(started["id"]).terminate()
    await refunds.change(
        "UPDATE refund SET approval = NULL, approval_expires_at = NULL WHERE id = :id", id=started["id"]
    )
    return RefundCommand(refund_id=started["id"], merchant_id=shop.merchant_id)


async def _names_order(refunds: Refunds, command: RefundCommand, out_no: str) -> None:
    await refunds.change("UPDATE refund SET out_no = :out_no WHERE id = :id", out_no=out_no, id=command.refund_id)


async def test_an_answer_settles_what_the_channel_called_before(
    shop: Shop, refunds: Refunds, calls_at: CallsAt
) -> None:
    """Nobody is reminded of a notification any more that an answer is younger than, whatever it said."""
    command = await _ready_to_send(shop, refunds, (await refunds.paid())["id"])
    await refunds.change(
        "INSERT INTO callback (id, channel, channel_account_id, kind, dedupe_key, out_no, out_refund_no, verdict, body)"
        " SELECT 'cbk_' || substr(id, 5), channel, channel_account_id, 'refund', id, out_no, out_refund_no,"
        " 'mismatched', '' FROM refund WHERE id = :id",
        id=command.refund_id,
    )
    await ActivityEnvironment().run(calls_at(Failpoints({})).refund, command)
    async with shop.centre.database.reading() as session:
        left = await session.scalar(
            text("SELECT count(*) FROM callback WHERE dedupe_key = :id AND applied_at IS NULL"),
            {"id": command.refund_id},
        )
    assert 0 == left
