"""Payments over REST: one POST, one payment, and every way of finding it again."""

import asyncio

import pytest

from tests.support.centre import Centre
from tests.support.shop import PRICE_MINOR, Shop


async def test_a_post_answers_with_what_the_payer_needs(shop: Shop) -> None:
    """One request and no polling: the answer carries the code to scan."""
    answer = await shop.call("POST", "/v1/payments", shop.order(lines=True))
    payment = answer.json()
    assert (201, None) == (answer.status_code, answer.headers.get("Idempotent-Replayed"))
    assert ("awaiting_payer", "qr", "sim") == (payment["state"], payment["pay"]["kind"], payment["channel"])
    assert [(payment["out_no"], "waiting")] == [(one["out_no"], one["state"]) for one in payment["attempts"]]
    assert (2 * PRICE_MINOR, 24, 3_976) == (payment["amount_minor"], payment["fee_minor"], payment["net_minor"])


async def test_fifty_identical_posts_make_one_payment(shop: Shop) -> None:
    """Law 12: calls that arrive together answer with the same object."""
    body = shop.order()
    answers = await asyncio.gather(*(shop.call("POST", "/v1/payments", body) for _ in range(50)))
    assert {201} == {answer.status_code for answer in answers}
    assert 1 == len({answer.text for answer in answers})
    assert 49 == sum(answer.headers.get("Idempotent-Replayed") == "true" for answer in answers)
    assert 1 == len((await shop.get(f"/v1/payments?order_no={body['order_no']}"))["items"])


async def test_a_replay_shows_the_payment_as_it_is_now(shop: Shop) -> None:
    """Law 12: the same key and body answer with the same status and today's object."""
    body = shop.order()
    first = await shop.post("/v1/payments", body, **{"Idempotency-Key": "key-1"})
    await shop.payer_pays(first["out_no"])
    await shop.until(first["id"], "succeeded")
    again = await shop.call("POST", "/v1/payments", body, **{"Idempotency-Key": "key-1"})
    assert (201, "true") == (again.status_code, again.headers["Idempotent-Replayed"])
    assert (first["id"], "succeeded", None) == (again.json()["id"], again.json()["state"], again.json()["pay"])


async def test_a_key_with_another_body_is_refused(shop: Shop) -> None:
    """Law 12: the key stands for one request, and a refused one leaves nothing."""
    await shop.post("/v1/payments", shop.order(), **{"Idempotency-Key": "key-1"})
    other = shop.order()
    refused = await shop.call("POST", "/v1/payments", other, **{"Idempotency-Key": "key-1"})
    assert (422, "idempotency_key_reused") == (refused.status_code, refused.json()["code"])
    assert [] == (await shop.get(f"/v1/payments?order_no={other['order_no']}"))["items"]


async def test_a_taken_order_number_names_the_payment_in_the_way(shop: Shop) -> None:
    """A live payment has the number: another body is 409 with the payment's id, and its new key is not used up."""
    body = shop.order()
    live = await shop.post("/v1/payments", body)
    answer = await shop.call("POST", "/v1/payments", {**body, "subject": "Other"}, **{"Idempotency-Key": "key-2"})
    assert (409, "order_no_taken", live["id"]) == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["payment_id"],
    )
    assert live["id"] == (await shop.post("/v1/payments", body, **{"Idempotency-Key": "key-2"}))["id"]


async def test_a_closed_payment_gives_its_order_number_up(shop: Shop) -> None:
    """After closed a POST with the same body starts a new payment; the old key keeps the old one."""
    body = shop.order()
    first = await shop.post("/v1/payments", body, **{"Idempotency-Key": "key-1"})
    await shop.post(f"/v1/payments/{first['id']}/close", None)
    await shop.until(first["id"], "closed")
    second = await shop.post("/v1/payments", body)
    assert (True, "awaiting_payer") == (second["id"] != first["id"], second["state"])
    replay = await shop.post("/v1/payments", body, **{"Idempotency-Key": "key-1"})
    assert (first["id"], "closed") == (replay["id"], replay["state"])


async def test_a_refused_payment_is_an_object_that_failed(shop: Shop) -> None:
    """Out of stock is 201 with the reason; the order number is free again."""
    short = {"sku": shop.sku, "quantity": 101}
    body = shop.order(amount_minor=101 * PRICE_MINOR, lines=False) | {"lines": [short]}
    failed = await shop.post("/v1/payments", body)
    assert ("failed", "out_of_stock", None) == (failed["state"], failed["failure"]["code"], failed["pay"])
    assert failed["id"] != (await shop.post("/v1/payments", body))["id"]


async def test_a_payment_from_the_balance_needs_nothing_of_the_payer(shop: Shop) -> None:
    """Wholly balance-paid: no channel, no attempt, nothing to do."""
    paid = await shop.pay(amount_minor=4_000, balance_minor=4_000)
    assert ("succeeded", None, [], "none") == (paid["state"], paid["channel"], paid["attempts"], paid["pay"]["kind"])
    assert (4_000, 4_000) == (paid["captured_minor"], paid["refundable_minor"])


@pytest.mark.parametrize("number", ["order_no", "out_no", "channel_no"])
async def test_each_number_alone_finds_the_payment(shop: Shop, number: str) -> None:
    """Law 13."""
    payment = await shop.pay()
    found = await shop.get(f"/v1/payments?{number}={payment[number]}")
    assert [payment["id"]] == [one["id"] for one in found["items"]]


async def test_a_list_is_newest_first_and_its_cursor_leads_to_the_rest(shop: Shop) -> None:
    """Every payment is on exactly one page."""
    made = [(await shop.pay())["id"] for _ in range(3)]
    first = await shop.get("/v1/payments?limit=2&state=awaiting_payer")
    rest = await shop.get(f"/v1/payments?limit=2&after={first['next']}")
    assert (made[::-1], None) == ([one["id"] for one in first["items"] + rest["items"]], rest["next"])


async def test_closing_a_paid_payment_is_refused(shop: Shop) -> None:
    """The money was faster."""
    payment = await shop.pay()
    await shop.payer_pays(payment["out_no"])
    await shop.until(payment["id"], "succeeded")
    refused = await shop.call("POST", f"/v1/payments/{payment['id']}/close")
    assert (409, "payment_already_paid") == (refused.status_code, refused.json()["code"])


async def test_closing_twice_answers_with_the_closed_payment(shop: Shop) -> None:
    """A repeat changes nothing."""
    payment = await shop.pay()
    await shop.post(f"/v1/payments/{payment['id']}/close", None)
    closed = await shop.until(payment["id"], "closed")
    assert closed == await shop.post(f"/v1/payments/{payment['id']}/close", None)
    assert "requested" == closed["close_reason"]


async def test_the_saga_is_told_by_the_workflow(shop: Shop) -> None:
    """Steps, branches and attempts as the workflow knows them."""
    payment = await shop.pay(lines=True, balance_minor=1_000)
    saga = await shop.get(f"/v1/payments/{payment['id']}/saga")
    assert ("workflow", "awaiting_payer", False) == (saga["source"], saga["state"], saga["pivot_passed"])
    assert {"inventory": "tried", "funds": "tried"} == {one["name"]: one["state"] for one in saga["branches"]}
    assert [payment["out_no"]] == [one["out_no"] for one in saga["attempts"]]


async def test_another_merchants_payment_does_not_exist(centre: Centre, shop: Shop) -> None:
    """404 by id, nothing by number, and nothing to close or to look into."""
    payment = await shop.pay()
    other = await Shop.open(centre)
    path = f"/v1/payments/{payment['id']}"
    for method, tail in (("GET", ""), ("GET", "/saga"), ("POST", "/close")):
        answer = await other.call(method, path + tail)
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])
    assert [] == (await other.get(f"/v1/payments?out_no={payment['out_no']}"))["items"]
