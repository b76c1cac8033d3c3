"""A small truth in which every rule holds, for tests that doctor it."""

from typing import Any

from chaos.answers import Answer
from chaos.shops import Shop
from chaos.truth import Rows, Truth, Webhook

SHOP = Shop(
    funds_holder="platform",
    merchant_id="mer_1",
    api_key="key",
    app_id="app",
    channel_account_id="cha_1",
    sku="tea",
    wallet_id="acc_1",
    available_id="merchant_available:mer_1:CNY",
    webhook_secret="whsec_AAAA",
    webhook_url="http://127.0.0.1/hook/mer_1",
)
OWN = {"merchant_id": SHOP.merchant_id}


def answer(kind: str, number: str, found: dict[str, Any], **fields: Any) -> Answer:  # noqa: ANN401
    """A creation that was answered with the object."""
    about = {"at": 1, "merchant": 0, "kind": kind, "number": number, "method": "POST", "path": f"/v1/{kind}"}
    body = {"amount_minor": found.get("amount_minor")}
    return Answer.model_validate({**about, "status": 201, "body": body, "object": found, **fields})


def rows() -> dict[str, Rows]:
    """A payment of 1000 with a refund of 400, a late order given back, a payout of 300 and a transfer of 50."""
    payment = {**OWN, "id": "pay_1", "order_no": "order-1", "state": "succeeded", "amount_minor": 1_000}
    closed = {**OWN, "id": "pay_2", "order_no": "order-2", "state": "closed", "amount_minor": 700}
    refund = {**OWN, "id": "ref_1", "refund_no": "back-1", "state": "succeeded", "amount_minor": 400}
    late = {**OWN, "id": "ref_2", "refund_no": None, "state": "succeeded", "amount_minor": 700, "origin": "late"}
    payout = {**OWN, "id": "pyo_1", "payout_no": "out-1", "state": "succeeded", "amount_minor": 300, "fee_minor": 0}
    return {
        "payment": [{**payment, "channel_minor": 1_000}, {**closed, "channel_minor": 700}],
        "attempt": [
            {"out_no": "A1", "payment_id": "pay_1", "state": "paid"},
            {"out_no": "A2", "payment_id": "pay_2", "state": "returned"},
        ],
        "refund": [
            {**refund, "origin": "merchant", "out_no": "A1", "out_refund_no": "R1", "channel_minor": 400},
            {**late, "out_no": "A2", "out_refund_no": "R2", "channel_minor": 700},
        ],
        "payout": [{**payout, "out_no": "P1"}],
        "transfer": [{**OWN, "id": "trf_1", "transfer_no": "move-1", "state": "succeeded", "amount_minor": 50}],
        "event": [{**OWN, "id": "evt_1", "type": "payment.succeeded", "feed_no": 1}],
        "delivery": [{**OWN, "event_id": "evt_1", "state": "delivered"}],
    }


def book() -> dict[str, Rows]:
    """The same as the channel has it."""
    order, done = {"app_id": "app", "state": "paid", "currency": "CNY"}, {"state": "succeeded"}
    return {
        "orders": [{**order, "out_no": "A1", "amount_minor": 1_000}, {**order, "out_no": "A2", "amount_minor": 700}],
        "refunds": [
            {**done, "out_no": "A1", "refund_no": "R1", "amount_minor": 400},
            {**done, "out_no": "A2", "refund_no": "R2", "amount_minor": 700},
        ],
        "transfers": [{**done, "out_no": "P1", "app_id": "app", "amount_minor": 300}],
    }


def sound() -> Truth:
    """Every answer is true, both books agree, everything has ended and was told."""
    told = {"id": "evt_1", "type": "payment.succeeded", "object_version": 3, "data": {"object": {"id": "pay_1"}}}
    return Truth(
        shops=[SHOP],
        answers=[
            answer("payments", "order-1", {"id": "pay_1", "state": "succeeded", "amount_minor": 1_000}),
            answer("payouts", "out-1", {"id": "pyo_1", "state": "pending", "amount_minor": 300}),
            answer("refunds", "back-9", {"code": "refund_above_refundable"}, status=409),
        ],
        rows=rows(),
        book=book(),
        clearing={"cha_1": -300},
        frozen=[],
        holds=[],
        feeds={"mer_1": [told]},
        webhooks=[Webhook(merchant_id="mer_1", event_id="evt_1", body="{}", verified=True)],
        invariants={"01_postings_sum_to_zero": []},
        workflows=dict.fromkeys(("pay_1", "pay_2", "ref_1", "ref_2", "pyo_1", "trf_1"), "completed"),
        leaks=[],
    )
