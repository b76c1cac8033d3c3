"""Steps of a payout side by side: the engine takes a call that it lost for dead, and it is not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from domain.errors import ItemEnded, NotFound
from domain.ids import new_id
from domain.money import Currency
from domain.states import LegState, PayoutState
from ledger import book, steps
from ledger.legs import StepKey
from store.operations import drop_operation
from tests.support.centre import eventually
from tests.support.payee import ACCOUNT, at_channel, fund_at_channel
from tests.support.payout_steps import AMOUNT_MINOR, PayoutByHand
from tests.support.shop import WALLET_MINOR, Shop

BEFORE_CALL, AFTER_CALL = "channel.transfer.call:before", "channel.transfer.call:after"
HEARTBEAT_WITHIN_S = 10
_ITEM = text(
    "INSERT INTO suspense_item"
    " (id, merchant_id, origin, object_id, out_no, channel_account_id, amount_minor, currency, owner, reason, evidence)"
    " VALUES (:id, :merchant_id, 'bounce', :id, :id, :account_id, :amount_minor, 'CNY', 'operations', 'test', '{}')"
)
_ELSEWHERE = text("UPDATE payout SET channel_account_id = 'cha_gone' WHERE id = :id")
_WAITS = text(
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND query LIKE :statement)"
)


@pytest.fixture
async def refused(shop: Shop) -> AsyncIterator[PayoutByHand]:
    """An open payout to a payee that the channel refuses."""
    await fund_at_channel(shop)
    async with PayoutByHand.asked(shop, account="refuse-this-one") as payout:
        await payout.run(payout.steps().open)
        yield payout


async def test_a_refusal_proves_nothing_once_a_second_send_was_let_through(shop: Shop, refused: PayoutByHand) -> None:
    """The second one is paid: the refusal of the first leaves the payout unknown, and it cannot fail."""
    async with refused.stopped_at(AFTER_CALL) as (first_gate, slow), refused.stopped_at(AFTER_CALL) as (gate, second):
        first = asyncio.create_task(refused.run(slow.transfer))
        await first_gate.reached()
        await refused.pay_to(ACCOUNT)
        sending = asyncio.create_task(refused.run(second.transfer))
        await gate.reached()
        first_gate.open()
        assert LegState.UNKNOWN == (await first).leg_state
        with pytest.raises(RuntimeError, match="not refused"):
            await refused.run(refused.steps().fail)
        gate.open()
        await sending
    assert LegState.KNOWN_OK == (await refused.run(refused.steps().query)).leg_state
    assert PayoutState.SUCCEEDED == (await refused.run(refused.steps().confirm)).state
    assert (WALLET_MINOR - AMOUNT_MINOR, 0) == await shop.wallet()


async def test_a_refusal_of_the_only_send_is_proof(refused: PayoutByHand) -> None:
    """One send, one answer: it fails, and what was held is free."""
    assert LegState.KNOWN_FAIL == (await refused.run(refused.steps().transfer)).leg_state
    assert PayoutState.FAILED == (await refused.run(refused.steps().fail)).state
    assert (WALLET_MINOR, 0) == await refused.shop.wallet()


async def test_a_send_that_did_nothing_undoes_none_but_itself(shop: Shop, refused: PayoutByHand) -> None:
    """A second send is on its way: the payout is no mere intent again, which could be rejected or sent as a first."""
    await refused.pay_to(ACCOUNT)
    async with refused.stopped_at(BEFORE_CALL) as (first_gate, slow), refused.stopped_at(AFTER_CALL) as (gate, second):
        first = asyncio.create_task(refused.run(slow.transfer))
        await first_gate.reached()
        sending = asyncio.create_task(refused.run(second.transfer))
        await gate.reached()
        await shop.fault_at_app("transfer", "status_429")
        first_gate.open()
        with pytest.raises(ApplicationError):
            await first
        row = await refused.row()
        assert (LegState.SENT, 2) == (row["leg_state"], row["sends"])
        gate.open()
        await sending
    assert await at_channel(shop, (await refused.row())["out_no"]) is not None


async def test_a_payout_whose_channel_account_is_not_found_was_not_sent(refused: PayoutByHand) -> None:
    """What a call needs is there before the row says that it may be under way."""
    async with refused.shop.centre.database.transaction("test.account") as session:
        await session.execute(_ELSEWHERE, {"id": refused.command.payout_id})
    with pytest.raises(NotFound):
        await refused.run(refused.steps().transfer)
    row = await refused.row()
    assert (LegState.INTENT, 0, None) == (row["leg_state"], row["sends"], row["sent_at"])


async def test_a_step_that_waits_for_the_database_is_alive(refused: PayoutByHand) -> None:
    """The engine hears from it before the call as well: only a dead one is taken over."""
    beaten = asyncio.Event()
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *_: beaten.set()
    async with refused.stopped_at("payout.sent:before") as (gate, slow):
        sending = asyncio.create_task(refused.run(slow.transfer, environment))
        await gate.reached()
        async with asyncio.timeout(HEARTBEAT_WITHIN_S):
            await beaten.wait()
        gate.open()
        await sending


async def open_item(shop: Shop) -> str:
    """A suspense item that nobody ends yet; answers its id."""
    item_id = new_id("sus")
    item = {"id": item_id, "merchant_id": shop.merchant_id, "account_id": shop.channel_account_id}
    parties = steps.Parties(
        currency=Currency.CNY,
        object_id=item_id,
        merchant_id=shop.merchant_id,
        channel_account_id=shop.channel_account_id,
    )
    bounced = steps.legs(steps.REFUND_BOUNCED, {"refund_minor": AMOUNT_MINOR}, parties)
    posting = book.PostRequest(merchant_id=shop.merchant_id, event_at=datetime.now(UTC), legs=bounced)
    async with shop.centre.database.transaction("test.item") as session:
        await session.execute(_ITEM, item | {"amount_minor": AMOUNT_MINOR})
        await book.post(session, StepKey(biz_type="test", biz_id=item_id, step="bounced"), posting)
    return item_id


async def test_an_item_that_the_payout_took_itself_is_no_refusal(shop: Shop) -> None:
    """The second run waits for the item that the first has taken and not committed: it then finds its own payout."""
    async with (
        PayoutByHand.asked(shop, account_id=None, suspense_item_id=await open_item(shop)) as payout,
        payout.stopped_at("payout.open:before") as (gate, slow),
    ):
        first = asyncio.create_task(payout.run(slow.open))
        await gate.reached()
        second = asyncio.create_task(payout.run(payout.steps().open))
        async with shop.centre.database.reading() as session:
            await eventually(lambda: session.scalar(_WAITS, {"statement": "%suspense_%"}), bool)
        gate.open()
        assert [PayoutState.PENDING] * 2 == [(await first).state, (await second).state]


async def test_an_item_that_another_payout_took_is_a_refusal(shop: Shop) -> None:
    """It is ended once."""
    item_id = await open_item(shop)
    async with PayoutByHand.asked(shop, account_id=None, suspense_item_id=item_id) as payout:
        await payout.run(payout.steps().open)
    async with PayoutByHand.asked(shop, account_id=None, suspense_item_id=item_id) as late:
        with pytest.raises(ItemEnded):
            await late.run(late.steps().open)


async def test_a_number_is_not_dropped_beside_the_open_that_uses_it(shop: Shop) -> None:
    """Whoever drops waits for the commit, and finds the payout."""
    async with (
        PayoutByHand.asked(shop) as payout,
        payout.stopped_at("payout.open:before") as (gate, slow),
    ):
        opening = asyncio.create_task(payout.run(slow.open))
        await gate.reached()
        dropping = asyncio.create_task(dropped(shop, payout.command.payout_id))
        async with shop.centre.database.reading() as session:
            await eventually(lambda: session.scalar(_WAITS, {"statement": "%drop_operation%"}), bool)
        gate.open()
        assert (PayoutState.PENDING, False) == ((await opening).state, await dropping)


async def dropped(shop: Shop, payout_id: str) -> bool:
    """Whether the payout's number was free to be dropped."""
    async with shop.centre.database.transaction("test.drop") as session:
        return await drop_operation(session, payout_id)
