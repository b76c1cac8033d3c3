"""What refuses a payout at its try: limits, rules, accounts, debt; nothing is held and no number is used up."""

import asyncio

from domain.ids import new_id
from tests.support.books import balances, book_is_sound
from tests.support.payee import (
    ACCOUNT,
    as_operator,
    credit_available,
    fund_at_channel,
    owe,
    owe_for_a_refund_under_way,
    pay_out,
    payout_body,
    payout_until,
    set_rule,
)
from tests.support.shop import WALLET_MINOR, Shop


async def test_fifty_payouts_at_once_take_exactly_the_days_limit(shop: Shop) -> None:
    """As many as fit; the rest are problems that leave nothing held."""
    await fund_at_channel(shop)
    await set_rule(shop, "payout", daily_minor=10_000)
    answers = await asyncio.gather(*(shop.call("POST", "/v1/payouts", payout_body(shop, 900)) for _ in range(50)))
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = {answer.json()["code"] for answer in answers if answer.status_code != 201}
    assert (11, {"daily_limit_exceeded"}) == (len(made), refused)
    for payout_id in made:
        await payout_until(shop, payout_id, "succeeded")
    assert (WALLET_MINOR - 11 * 900, 0) == await shop.wallet()
    await book_is_sound(shop)


async def test_what_an_account_or_a_rule_refuses_never_was(shop: Shop) -> None:
    """A problem with its own code, nothing held, and the number free for another body."""
    await set_rule(shop, "payout", minimum_minor=100, maximum_minor=WALLET_MINOR * 2, fee_fixed_minor=100)
    number = new_id("payout")
    cases = {
        "balance_insufficient": payout_body(shop, WALLET_MINOR + 1, payout_no=number),
        "amount_below_minimum": payout_body(shop, 99, payout_no=number),
        "amount_above_maximum": payout_body(shop, WALLET_MINOR * 2 + 1, payout_no=number),
        "fee_above_amount": payout_body(shop, 100, payout_no=number),
        "unknown_account": payout_body(shop, account_id=f"merchant_pending:{shop.merchant_id}:CNY", payout_no=number),
        "channel_not_configured": payout_body(
            shop, destination={"channel": "elsewhere", "account": ACCOUNT}, payout_no=number
        ),
    }
    found = {code: (await shop.call("POST", "/v1/payouts", body)).json()["code"] for code, body in cases.items()}
    assert {code: code for code in cases} == found
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert [] == (await shop.get(f"/v1/payouts?payout_no={number}"))["items"]


async def test_closed_blocked_and_foreign_accounts_pay_nothing_out(shop: Shop) -> None:
    """Another merchant's account does not exist for this one."""
    other = await Shop.open(shop.centre)
    foreign = await shop.call("POST", "/v1/payouts", payout_body(shop, account_id=other.wallet_id))
    assert (404, "unknown_account") == (foreign.status_code, foreign.json()["code"])
    await as_operator(shop, "POST", f"/v1/accounts/{shop.wallet_id}/block", {"reason": "reported stolen"})
    blocked = await shop.call("POST", "/v1/payouts", payout_body(shop))
    assert (409, "account_blocked") == (blocked.status_code, blocked.json()["code"])
    empty = (await shop.post("/v1/accounts", {"owner": new_id("payer"), "currency": "CNY"}))["id"]
    await as_operator(shop, "POST", f"/v1/accounts/{empty}/close", {"reason": "asked for it"})
    closed = await shop.call("POST", "/v1/payouts", payout_body(shop, account_id=empty))
    assert (409, "account_closed") == (closed.status_code, closed.json()["code"])


async def test_the_same_number_is_the_same_payout_and_no_other(shop: Shop) -> None:
    """Equal bodies, also at once, are one payout; another body is refused for ever."""
    await fund_at_channel(shop)
    body = payout_body(shop)
    answers = await asyncio.gather(*(shop.call("POST", "/v1/payouts", body) for _ in range(10)))
    assert {201} == {answer.status_code for answer in answers}
    assert 1 == len({answer.json()["id"] for answer in answers})
    taken = await shop.call("POST", "/v1/payouts", {**body, "amount_minor": 1})
    assert (409, "number_taken") == (taken.status_code, taken.json()["code"])
    await payout_until(shop, answers[0].json()["id"], "succeeded")
    again = await shop.call("POST", "/v1/payouts", body)
    assert ("succeeded", "true") == (again.json()["state"], again.headers["Idempotent-Replayed"])
    assert (WALLET_MINOR - 5_000, 0) == await shop.wallet()


async def test_a_merchant_pays_out_what_is_available_unless_it_owes_us(shop: Shop) -> None:
    """Its available money leaves like a wallet's; with debt in the book none of it does."""
    await fund_at_channel(shop)
    available = await credit_available(shop, 8_000)
    started = await pay_out(shop, 3_000, account_id=available)
    await payout_until(shop, started["id"], "succeeded")
    assert {"merchant_available": -3_000, "channel_clearing": 3_000} == await balances(shop, started["id"])
    await owe(shop, 1)
    refused = await shop.call("POST", "/v1/payouts", payout_body(shop, 1_000, account_id=available))
    assert (409, "merchant_has_debt") == (refused.status_code, refused.json()["code"])
    assert 5_000 == (await shop.get(f"/v1/accounts/{available}"))["available_minor"]
    await pay_out(shop, 1_000)
    await book_is_sound(shop)


async def test_a_refund_under_way_that_makes_debt_stops_payouts_already(shop: Shop) -> None:
    """What it holds of the debt is as good as owed."""
    available = await credit_available(shop, 8_000)
    await owe_for_a_refund_under_way(shop, 1)
    refused = await shop.call("POST", "/v1/payouts", payout_body(shop, 1_000, account_id=available))
    assert (409, "merchant_has_debt") == (refused.status_code, refused.json()["code"])
    assert 8_000 == (await shop.get(f"/v1/accounts/{available}"))["available_minor"]


async def test_only_money_that_is_ours_at_the_channel_is_paid_out(centre_shop_of_merchant: Shop) -> None:
    """Where the channel holds the merchant's own money there is nothing of ours to pay with."""
    refused = await centre_shop_of_merchant.call("POST", "/v1/payouts", payout_body(centre_shop_of_merchant))
    assert (422, "channel_not_configured") == (refused.status_code, refused.json()["code"])
