import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import SQLModel
from temporalio.client import Client

from activities.event_body import render_object
from activities.event_feed import EventFeed
from domain.ids import new_id, new_out_no, new_payment_id
from store.tables.payments import Payment
from store.tables.refunds import Refund
from tests.activities.business import Business


def payment_of(business: Business) -> Payment:
    return Payment(
        id=new_payment_id(),
        merchant_id=business.merchant_id,
        order_no="A1",
        state="succeeded",
        amount_minor=8_800,
        balance_minor=0,
        channel_minor=8_800,
        captured_minor=8_800,
        fee_minor=53,
        currency="CNY",
        subject="Tea",
        payer={"open_id": "planted"},
        expires_at=datetime.now(UTC) + timedelta(minutes=15),
        metadata_={},
    )


def refund_of(payment: Payment) -> Refund:
    return Refund(
        id=new_id("ref"),
        merchant_id=payment.merchant_id,
        payment_id=payment.id,
        origin="late",
        out_refund_no=new_out_no(),
        channel="sim",
        channel_account_id=new_id("cha"),
        amount_minor=8_800,
        channel_minor=8_800,
        currency="CNY",
        reason="paid late",
        state="failed",
        failure_code="channel_rejected",
        send_before=datetime.now(UTC),
        metadata_={},
    )


async def write(business: Business, *rows: SQLModel) -> None:
    for row in rows:
        async with business.database.transaction("test") as session:
            session.add(row)


async def test_a_payments_event_shows_the_payment_of_that_moment(business: Business, event_client: Client) -> None:
    """The same object as the API's, without what only the payer needs."""
    payment = payment_of(business)
    event = business.event(payment.id)
    await write(business, payment, event)
    snapshot = """
        UPDATE event SET
            snapshot = jsonb_build_object('payment', to_jsonb(p) - 'payer', 'attempts', '[]'::jsonb)
        FROM payment p WHERE p.id = event.object_id
    """
    await business.change(snapshot)
    await EventFeed(business.database, event_client).tick()
    (row,) = await business.rows("SELECT body FROM event WHERE feed_no IS NOT NULL")
    shown = json.loads(row["body"])["data"]["object"]
    assert (payment.id, "succeeded", 8_747) == (shown["id"], shown["state"], shown["net_minor"])
    assert "pay" not in shown
    assert "planted" not in row["body"]


async def test_a_refunds_event_shows_the_refund(business: Business) -> None:
    """Also where the event is about late money that was given back, or could not be."""
    payment = payment_of(business)
    refund = refund_of(payment)
    await write(business, payment, refund)
    (snapshot,) = await business.rows("SELECT to_jsonb(r) AS refund FROM refund r")
    for event_type in ("refund.failed", "late_payment.refunded"):
        shown = render_object(event_type, snapshot)
        assert (refund.id, payment.id, "late") == (shown["id"], shown["payment_id"], shown["origin"])
        assert {"code": "channel_rejected", "detail": "channel_rejected"} == shown["failure"]


def test_an_event_of_an_unknown_kind_is_not_rendered() -> None:
    """It waits for a program that knows it, instead of being told wrongly."""
    with pytest.raises(KeyError):
        render_object("planet.aligned", {})
