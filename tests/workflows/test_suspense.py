"""Money in suspense ends once, whole, in one of three ways; what fails on the way leaves it where it was."""

import asyncio
from typing import Any

import pytest

from tests.support.books import balances, channel_account_balances
from tests.support.centre import eventually
from tests.support.payee import fund_at_channel, payout_until
from tests.support.shop import PRICE_MINOR, WALLET_MINOR, Shop
from tests.support.suspense import BOUNCED_MINOR, Suspense

AMOUNT_MINOR = 2 * PRICE_MINOR


@pytest.fixture
async def suspense(shop: Shop) -> Suspense:
    return Suspense(shop)


async def test_what_bounced_goes_back_to_the_payer_once_more(shop: Shop, suspense: Suspense) -> None:
    """A refund of its own, by the payment's attempt; the payment stays refunded, and nobody has to look any more."""
    item = await suspense.bounced()
    assert ("open", None, BOUNCED_MINOR) == (item["state"], item["resolution"], item["amount_minor"])
    body = suspense.to_payer()
    status, ending = await suspense.resolve(item["id"], body)
    assert (200, "refund") == (status, ending["resolution"])
    refund = await suspense.refunds.until(ending["resolution_id"], "succeeded")
    assert (body["refund_no"], "bounce", item["id"]) == (
        refund["refund_no"],
        refund["origin"],
        refund["suspense_item_id"],
    )
    ended = await suspense.until(item["id"], "ended")
    assert ended["ended_at"] is not None
    assert {"channel_clearing": BOUNCED_MINOR - AMOUNT_MINOR, "suspense": 0} == await channel_account_balances(shop)
    assert (AMOUNT_MINOR, BOUNCED_MINOR, 0) == await suspense.refunds.standing(refund["payment_id"])
    bounced = await shop.get(f"/v1/refunds/{item['object_id']}")
    assert ("bounced", False) == (bounced["state"], bounced["needs_attention"])
    told = await eventually(lambda: shop.events("refund.succeeded"), lambda events: len(events) > 1)
    assert {item["object_id"], refund["id"]} == {one["data"]["object"]["id"] for one in told}
    await suspense.refunds.sound()


async def test_what_bounced_goes_into_a_wallet(shop: Shop, suspense: Suspense) -> None:
    """It is there when the call answers; the callback alone had found the bounce."""
    item = await suspense.bounced_loudly()
    status, ended = await suspense.resolve(item["id"], suspense.to_wallet())
    assert (200, "ended", "wallet") == (status, ended["state"], ended["resolution"])
    assert (WALLET_MINOR + BOUNCED_MINOR, 0) == await shop.wallet()
    assert {"suspense": -BOUNCED_MINOR, "wallet": BOUNCED_MINOR} == await balances(shop, ended["resolution_id"])
    transfer = await shop.get(f"/v1/transfers/{ended['resolution_id']}")
    assert (item["id"], "succeeded", 0) == (transfer["suspense_item_id"], transfer["state"], transfer["fee_minor"])
    assert not (await shop.get(f"/v1/refunds/{item['object_id']}"))["needs_attention"]
    await suspense.refunds.sound()


async def test_what_bounced_is_paid_out(shop: Shop, suspense: Suspense) -> None:
    """By the channel where it lies, without a fee, to whomever the operator names."""
    await fund_at_channel(shop)
    item = await suspense.bounced()
    body = suspense.to_payee()
    status, ending = await suspense.resolve(item["id"], body)
    assert (200, "payout") == (status, ending["resolution"])
    payout = await payout_until(shop, ending["resolution_id"], "succeeded")
    assert (body["payout_no"], BOUNCED_MINOR, item["id"]) == (
        payout["payout_no"],
        payout["net_minor"],
        payout["suspense_item_id"],
    )
    await suspense.until(item["id"], "ended")
    assert {"channel_clearing": BOUNCED_MINOR - AMOUNT_MINOR, "suspense": 0} == await channel_account_balances(shop)
    assert not (await shop.get(f"/v1/refunds/{item['object_id']}"))["needs_attention"]
    await suspense.refunds.sound()


async def test_of_many_resolutions_at_once_one_stands(shop: Shop, suspense: Suspense) -> None:
    """The others are told, and nothing of them remains; their numbers are free."""
    await fund_at_channel(shop)
    item = await suspense.bounced()
    bodies = [make() for make in (suspense.to_payer, suspense.to_payee, suspense.to_wallet) for _ in range(3)]
    answers = await asyncio.gather(*(suspense.resolve(item["id"], body) for body in bodies))
    stood = {one["resolution_id"] for status, one in answers if status == 200}
    assert 1 == len(stood)
    assert {"item_ended"} == {one["code"] for status, one in answers if status != 200}
    await suspense.until(item["id"], "ended")
    assert 0 == (await channel_account_balances(shop))["suspense"]
    other = await shop.post("/v1/accounts", {"owner": "payer-2", "currency": "CNY"})
    for body in (suspense.to_payer(), suspense.to_payee(), {"how": "wallet", "account_id": other["id"]}):
        status, late = await suspense.resolve(item["id"], body)
        assert (409, "item_ended") == (status, late["code"])
    await suspense.refunds.sound()


@pytest.mark.parametrize("how", ["to_payer", "to_wallet", "to_payee"])
async def test_the_same_resolution_again_is_the_same(shop: Shop, suspense: Suspense, how: str) -> None:
    """A repeat, at once or later, answers what the first one made."""
    await fund_at_channel(shop)
    item = await suspense.bounced()
    body: dict[str, Any] = getattr(suspense, how)()
    answers = await asyncio.gather(*(suspense.resolve(item["id"], body) for _ in range(3)))
    await suspense.until(item["id"], "ended")
    answers.append(await suspense.resolve(item["id"], body))
    assert [200] * 4 == [status for status, _ in answers]
    assert 1 == len({one["resolution_id"] for _, one in answers})
    assert BOUNCED_MINOR == -(await balances(shop, answers[0][1]["resolution_id"]))["suspense"]


async def test_what_the_channel_refuses_is_open_again(shop: Shop, suspense: Suspense) -> None:
    """The money never left suspense; then another way may be taken, and the refused number stays used."""
    item = await suspense.bounced()
    unpaid = await shop.pay()
    # The channel has nothing to give back of an order that nobody paid.
    await suspense.refunds.change(
        "UPDATE suspense_item SET out_no = :out_no WHERE id = :id", out_no=unpaid["out_no"], id=item["id"]
    )
    body = suspense.to_payer()
    _, ending = await suspense.resolve(item["id"], body)
    failed = await suspense.refunds.until(ending["resolution_id"], "failed")
    assert ("channel_rejected", False) == (failed["failure"]["code"], failed["needs_attention"])
    again = await suspense.read(item["id"])
    assert ("open", None, None) == (again["state"], again["resolution"], again["resolution_id"])
    assert BOUNCED_MINOR == (await channel_account_balances(shop))["suspense"]
    assert (200, "open") == ((refused := await suspense.resolve(item["id"], body))[0], refused[1]["state"])
    _, ended = await suspense.resolve(item["id"], suspense.to_wallet())
    assert ("ended", WALLET_MINOR + BOUNCED_MINOR) == (ended["state"], (await shop.wallet())[0])
    await suspense.refunds.sound()


async def test_what_bounces_again_is_an_item_again(shop: Shop, suspense: Suspense) -> None:
    """Of the second refund, under its own id; the first item stays ended."""
    item = await suspense.bounced()
    _, ending = await suspense.resolve(item["id"], suspense.to_payer())
    second = await suspense.refunds.until(ending["resolution_id"], "succeeded")
    await suspense.bounce(second)
    await suspense.refunds.ask_channel(second["id"])
    other = await suspense.of(second["id"])
    assert ("open", "ended") == (other["state"], (await suspense.read(item["id"]))["state"])
    assert BOUNCED_MINOR == (await channel_account_balances(shop))["suspense"]
    assert (await shop.get(f"/v1/refunds/{second['id']}"))["needs_attention"]
    _, ended = await suspense.resolve(other["id"], suspense.to_wallet())
    assert "ended" == ended["state"]
    assert not (await shop.get(f"/v1/refunds/{second['id']}"))["needs_attention"]
    await suspense.refunds.sound()


async def test_a_wrong_receipt_is_nobody_elses_while_its_refund_runs(shop: Shop, suspense: Suspense) -> None:
    """Nothing is given back twice; once the channel has refused, an operator decides, and nobody has to look again."""
    await shop.fault_at_app("refund", "status_429", times=1_000)
    await shop.fault_at_app("pay", "wrong_amount")
    started = await shop.pay()
    await shop.payer_pays(started["out_no"])
    await shop.until(started["id"], "closed")
    item = await suspense.of(started["out_no"])
    assert ("ending", "refund", "mismatch") == (item["state"], item["resolution"], item["origin"])
    status, refused = await suspense.resolve(item["id"], suspense.to_wallet())
    assert (409, "item_ended") == (status, refused["code"])
    await suspense.refunds.change(
        "UPDATE refund SET leg_state = 'known_fail', failure_code = 'channel_rejected' WHERE id = :id",
        id=item["resolution_id"],
    )
    failed = await suspense.refunds.until(item["resolution_id"], "failed")
    assert {"reason": "refund_failed", "owner": "operations"} == failed["attention"]
    assert "open" == (await suspense.read(item["id"]))["state"]
    _, ended = await suspense.resolve(item["id"], suspense.to_wallet())
    assert ("ended", WALLET_MINOR + item["amount_minor"]) == (ended["state"], (await shop.wallet())[0])
    assert not (await shop.get(f"/v1/refunds/{failed['id']}"))["needs_attention"]
    payment = await shop.payment(started["id"])
    assert ["applied"] == [one["state"] for one in payment["attempts"]]
    await suspense.refunds.sound()
