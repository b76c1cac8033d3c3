"""The payment from REST call to settled books, over the real parts."""

from tests.support.books import balances, book_is_sound
from tests.support.shop import PRICE_MINOR, STOCK, WALLET_MINOR, Shop

AMOUNT_MINOR = 2 * PRICE_MINOR
FEE_MINOR = 24  # 0.6 % of 40.00


async def test_a_channel_payment_succeeds_when_the_payer_pays(shop: Shop) -> None:
    """One request answers with what the payer needs; the callback brings it home; stock and book agree."""
    started = await shop.pay(lines=True)
    assert ("awaiting_payer", "qr", "waiting") == (started["state"], started["pay"]["kind"], started["certainty"])
    assert (STOCK, 2, 0) == await shop.stock()
    await shop.payer_pays(started["out_no"])
    paid = await shop.until(started["id"], "succeeded")
    assert (STOCK, 0, 2) == await shop.stock()
    assert (AMOUNT_MINOR, FEE_MINOR, "sure") == (paid["captured_minor"], paid["fee_minor"], paid["certainty"])
    assert {
        "channel_clearing": -AMOUNT_MINOR,
        "merchant_pending": AMOUNT_MINOR - FEE_MINOR,
        "platform_fee": FEE_MINOR,
    } == await balances(shop, paid["id"])
    await book_is_sound(shop)


async def test_a_payment_by_balance_alone_succeeds_at_once(shop: Shop) -> None:
    """No channel leg: when every try stands the payment is pivoted, and the answer is the end."""
    paid = await shop.pay(lines=True, balance_minor=AMOUNT_MINOR)
    assert ("succeeded", []) == (paid["state"], paid["attempts"])
    assert (WALLET_MINOR - AMOUNT_MINOR, 0) == await shop.wallet()
    assert (STOCK, 0, 2) == await shop.stock()
    assert {"wallet": -AMOUNT_MINOR, "merchant_pending": AMOUNT_MINOR} == await balances(shop, paid["id"])


async def test_a_mixed_payment_posts_both_parts_in_one_posting(shop: Shop) -> None:
    """The balance part is held while the payer pays the rest, and leaves the wallet with the channel's money."""
    started = await shop.pay(lines=True, balance_minor=1_200)
    assert (WALLET_MINOR - 1_200, 1_200) == await shop.wallet()
    await shop.payer_pays(started["out_no"])
    paid = await shop.until(started["id"], "succeeded")
    assert (WALLET_MINOR - 1_200, 0) == await shop.wallet()
    assert {
        "wallet": -1_200,
        "channel_clearing": -(AMOUNT_MINOR - 1_200),
        "merchant_pending": AMOUNT_MINOR - FEE_MINOR,
        "platform_fee": FEE_MINOR,
    } == await balances(shop, paid["id"])
    await book_is_sound(shop)


async def test_money_that_the_merchant_holds_never_becomes_our_debt(centre_shop_of_merchant: Shop) -> None:
    """`funds_holder: merchant`: the receipt is a memo, our fee a receivable; the balance part stays ours to settle."""
    shop = centre_shop_of_merchant
    started = await shop.pay(balance_minor=1_000)
    await shop.payer_pays(started["out_no"])
    paid = await shop.until(started["id"], "succeeded")
    assert {
        "wallet": -1_000,
        "channel_clearing": -3_000,
        "merchant_direct": 3_000,
        "merchant_pending": 1_000,
        "merchant_fee_receivable": -FEE_MINOR,
        "platform_fee": FEE_MINOR,
    } == await balances(shop, paid["id"])
    await book_is_sound(shop)


async def test_a_barcode_payment_takes_the_money_in_the_call_itself(shop: Shop) -> None:
    """The sending call answers paid; there is no wait for the payer."""
    started = await shop.pay(lines=True, invoke="barcode", payer={"auth_code": "28pay0001"})
    paid = await shop.until(started["id"], "succeeded")
    assert "paid" == paid["attempts"][0]["state"]


async def test_the_saga_tells_its_steps_and_branches(shop: Shop) -> None:
    """The workflow itself answers what it did and what it waits for."""
    started = await shop.pay(lines=True, balance_minor=1_000)
    saga = await shop.get(f"/v1/payments/{started['id']}/saga")
    assert ["payment.open", "inventory+funds.try", "channel.pay"] == [step["name"] for step in saga["steps"]]
    assert {"inventory": "tried", "funds": "tried"} == {one["name"]: one["state"] for one in saga["branches"]}
    assert (False, "workflow") == (saga["pivot_passed"], saga["source"])
    assert "payer" in saga["waits_for"]
    await shop.payer_pays(started["out_no"])
    await shop.until(started["id"], "succeeded")
    ended = await shop.get(f"/v1/payments/{started['id']}/saga")
    assert {"inventory": "confirmed", "funds": "confirmed"} == {one["name"]: one["state"] for one in ended["branches"]}
    assert ended["pivot_passed"]
