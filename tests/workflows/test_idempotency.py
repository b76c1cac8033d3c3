"""The same call again, at once or later, is the same payment (law 12)."""

import asyncio

from tests.support.books import book_is_sound
from tests.support.shop import WALLET_MINOR, Shop


async def test_fifty_identical_posts_are_one_payment_and_fifty_equal_answers(shop: Shop) -> None:
    """All of them get the payment; its balance part is held once."""
    body = shop.order(lines=True, balance_minor=1_000)
    answers = await asyncio.gather(*(shop.call("POST", "/v1/payments", body) for _ in range(50)))
    assert {201} == {answer.status_code for answer in answers}
    assert 1 == len({answer.json()["id"] for answer in answers})
    assert 1 == len({answer.text for answer in answers})
    assert (WALLET_MINOR - 1_000, 1_000) == await shop.wallet()
    assert 1 == len((await shop.get("/v1/payments"))["items"])


async def test_the_same_key_and_body_answer_the_object_as_it_is_now(shop: Shop) -> None:
    """Replayed after the payment has succeeded: 201, the same payment, its state now."""
    body = shop.order(lines=True)
    first = await shop.call("POST", "/v1/payments", body, **{"Idempotency-Key": "key-1"})
    await shop.payer_pays(first.json()["out_no"])
    await shop.until(first.json()["id"], "succeeded")
    again = await shop.call("POST", "/v1/payments", body, **{"Idempotency-Key": "key-1"})
    assert (201, "true") == (again.status_code, again.headers["Idempotent-Replayed"])
    assert (first.json()["id"], "succeeded") == (again.json()["id"], again.json()["state"])
    await book_is_sound(shop)


async def test_a_live_order_number_with_another_body_is_refused(shop: Shop) -> None:
    """409 `order_no_taken` names the payment that has it."""
    started = await shop.pay()
    other = {**shop.order(amount_minor=999), "order_no": started["order_no"]}
    refused = await shop.call("POST", "/v1/payments", other)
    assert (409, "order_no_taken") == (refused.status_code, refused.json()["code"])
    assert started["id"] == refused.json()["payment_id"]
