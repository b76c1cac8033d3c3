"""Whatever an operator does to a workflow by hand, its object comes to the end that its rows say (law 11)."""

from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus

from chaos.mischief import Mischief, reset, spoil
from tests.support.books import book_is_sound
from tests.support.centre import eventually
from tests.support.payee import FUNDS_MINOR, at_channel, fund_at_channel, pay_out, payout_until, sweep
from tests.support.refunds import Refunds
from tests.support.shop import STOCK, WALLET_MINOR, Shop

BALANCE_MINOR = 1_000
RESETS = (Mischief.RESET_TO_FIRST, Mischief.RESET_TO_LAST)
PASSING = (Mischief.TERMINATE, *RESETS)  # a cancel is a wish: it closes the payment


async def spoiled(shop: Shop, object_id: str, mischief: Mischief) -> None:
    """It is done, and the sweeper comes by."""
    assert await spoil(shop.centre.temporal, object_id, mischief)
    await sweep(shop)


async def until_ended(shop: Shop, object_id: str) -> None:
    """Its workflow has come to its own end."""
    handle = shop.centre.temporal.get_workflow_handle(object_id)

    async def status() -> WorkflowExecutionStatus | None:
        return (await handle.describe()).status

    await eventually(status, lambda found: found is WorkflowExecutionStatus.COMPLETED)


async def paid_once(shop: Shop, payment_id: str) -> None:
    """One mixed payment has had its effect, once, and the book is sound."""
    await until_ended(shop, payment_id)
    assert ((STOCK, 0, 2), (WALLET_MINOR - BALANCE_MINOR, 0)) == (await shop.stock(), await shop.wallet())
    assert 1 == len(await shop.events("payment.succeeded"))
    await book_is_sound(shop)


async def waiting(shop: Shop) -> dict[str, Any]:
    """A mixed payment that waits for its payer."""
    made = await shop.pay(lines=True, balance_minor=BALANCE_MINOR)
    return await shop.until(made["id"], "awaiting_payer")


@pytest.mark.parametrize("mischief", PASSING)
async def test_a_payment_that_waits_is_still_paid(shop: Shop, mischief: Mischief) -> None:
    """Twice in a row, too: each new run reads what stands."""
    made = await waiting(shop)
    for _ in range(2):
        await spoiled(shop, made["id"], mischief)
    await shop.payer_pays(made["out_no"])
    await shop.until(made["id"], "succeeded")
    await paid_once(shop, made["id"])


async def test_a_cancelled_payment_is_closed(shop: Shop) -> None:
    """And everything that it held is free."""
    made = await waiting(shop)
    await spoiled(shop, made["id"], Mischief.CANCEL)
    await shop.until(made["id"], "closed")
    await until_ended(shop, made["id"])
    assert ((STOCK, 0, 0), (WALLET_MINOR, 0)) == (await shop.stock(), await shop.wallet())
    assert not await spoil(shop.centre.temporal, made["id"], Mischief.TERMINATE)


@pytest.mark.parametrize("place", range(4))
async def test_a_payment_that_has_ended_has_no_second_effect(shop: Shop, place: int) -> None:
    """Its history is cut, wherever, and its rows are ahead: the new run finds the end and ends."""
    made = await waiting(shop)
    await shop.payer_pays(made["out_no"])
    await shop.until(made["id"], "succeeded")
    await until_ended(shop, made["id"])
    await reset(shop.centre.temporal, made["id"], place=place)
    await paid_once(shop, made["id"])


@pytest.mark.parametrize("place", range(5))
async def test_a_payment_that_was_closed_stays_closed(shop: Shop, place: int) -> None:
    """The close that the history repeats finds it done."""
    made = await waiting(shop)
    await shop.post(f"/v1/payments/{made['id']}/close", None)
    await shop.until(made["id"], "closed")
    await until_ended(shop, made["id"])
    await reset(shop.centre.temporal, made["id"], place=place)
    await until_ended(shop, made["id"])
    assert ((STOCK, 0, 0), (WALLET_MINOR, 0)) == (await shop.stock(), await shop.wallet())
    assert 1 == len(await shop.events("payment.closed"))


@pytest.mark.parametrize("mischief", Mischief)
async def test_a_refund_of_unknown_outcome_is_given_back_once(shop: Shop, mischief: Mischief) -> None:
    """The channel has done it and its answer was lost; a cancel changes nothing about money that may have left."""
    refunds = Refunds(shop)
    paid = await refunds.paid(lines=True, balance_minor=BALANCE_MINOR)
    await shop.fault_at_app("refund", "status_500_commit")
    await shop.fault_at_app("refund_query", "status_500", times=3)
    refund = await refunds.start(paid["id"], paid["amount_minor"])
    await refunds.until_leg(refund["id"], "unknown")
    await spoiled(shop, refund["id"], mischief)
    await refunds.until(refund["id"], "succeeded")
    await until_ended(shop, refund["id"])
    assert (WALLET_MINOR, 0) == await shop.wallet()
    book = await shop.control("GET", "/_sim/book")
    channel_minor = paid["amount_minor"] - BALANCE_MINOR
    assert [channel_minor] == [one["amount_minor"] for one in book["refunds"] if one["out_no"] == paid["out_no"]]
    await refunds.sound()


@pytest.mark.parametrize("mischief", RESETS)
async def test_a_refund_that_has_ended_has_no_second_effect(shop: Shop, mischief: Mischief) -> None:
    """Nothing is given back twice."""
    refunds = Refunds(shop)
    paid = await refunds.paid()
    refund = await refunds.given_back(paid["id"], paid["amount_minor"])
    await until_ended(shop, refund["id"])
    await spoiled(shop, refund["id"], mischief)
    await until_ended(shop, refund["id"])
    assert (paid["amount_minor"], paid["amount_minor"], 0) == await refunds.standing(paid["id"])
    assert 1 == len(await shop.events("refund.succeeded"))
    await refunds.sound()


@pytest.mark.parametrize("mischief", Mischief)
async def test_a_payout_under_way_leaves_once(shop: Shop, mischief: Mischief) -> None:
    """The channel has it, and does not say for a while."""
    await fund_at_channel(shop)
    await shop.fault_at_app("transfer", "status_500_commit")
    await shop.fault_at_app("transfer_query", "status_500", times=3)
    payout = await pay_out(shop, 5_000)
    handle = shop.centre.temporal.get_workflow_handle(payout["id"])
    await eventually(lambda: shop.get(f"/v1/payouts/{payout['id']}"), lambda found: found["certainty"] == "unknown")
    await spoiled(shop, payout["id"], mischief)
    await payout_until(shop, payout["id"], "succeeded")
    await until_ended(shop, handle.id)
    assert (WALLET_MINOR - 5_000, 0) == await shop.wallet()
    found = await at_channel(shop, payout["out_no"])
    assert found is not None
    assert 5_000 == found["amount_minor"] < FUNDS_MINOR
