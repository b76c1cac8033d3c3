"""A participant refuses: everything that was held is given back, and the payment says why."""

from tests.support.books import balances, book_is_sound
from tests.support.shop import PRICE_MINOR, STOCK, WALLET_MINOR, Shop


async def test_lack_of_stock_fails_the_payment_and_gives_the_balance_part_back(shop: Shop) -> None:
    """A validated request is an object: 201 with `state: failed`; nothing was sent to the channel, nothing is held."""
    lines = [{"sku": shop.sku, "quantity": STOCK + 1, "unit_price_minor": PRICE_MINOR}]
    failed = await shop.pay(amount_minor=(STOCK + 1) * PRICE_MINOR, balance_minor=5_000, lines=lines)
    assert ("failed", "out_of_stock") == (failed["state"], failed["failure"]["code"])
    assert (WALLET_MINOR, 0) == await shop.wallet()
    assert (STOCK, 0, 0) == await shop.stock()
    assert ["never_sent"] == [attempt["state"] for attempt in failed["attempts"]]
    assert {} == await balances(shop, failed["id"])
    await book_is_sound(shop)


async def test_too_little_balance_gives_the_stock_back(shop: Shop) -> None:
    """The local branches share one transaction: the second one's refusal undoes the first."""
    amount_minor = 60 * PRICE_MINOR
    lines = [{"sku": shop.sku, "quantity": 60, "unit_price_minor": PRICE_MINOR}]
    failed = await shop.pay(amount_minor=amount_minor, balance_minor=amount_minor, lines=lines)
    assert ("failed", "balance_insufficient") == (failed["state"], failed["failure"]["code"])
    assert (STOCK, 0, 0) == await shop.stock()
    assert (WALLET_MINOR, 0) == await shop.wallet()


async def test_a_decline_at_once_fails_the_payment(shop: Shop) -> None:
    """A decline that is final at the channel is an answer, not an error; stock and balance are free again."""
    failed = await shop.pay(lines=True, invoke="barcode", payer={"auth_code": "28decline01"})
    assert ("failed", "channel_declined") == (failed["state"], failed["failure"]["code"])
    assert (STOCK, 0, 0) == await shop.stock()


async def test_a_refused_order_number_can_be_used_again(shop: Shop) -> None:
    """After a failed payment a POST with the same order number starts a new one."""
    body = shop.order(balance_minor=2 * PRICE_MINOR, invoke=None)
    body["amount_minor"] = body["balance_minor"] = WALLET_MINOR + 1
    failed = await shop.post("/v1/payments", body)
    body["amount_minor"] = body["balance_minor"] = 500
    again = await shop.post("/v1/payments", body)
    assert ("failed", "succeeded") == (failed["state"], again["state"])
    assert failed["id"] != again["id"]
