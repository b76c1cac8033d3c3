"""Nothing secret leaves the database but by the API's own answer (law 14): logs and histories are searched for it."""

import json
from pathlib import Path

import pytest

from tests.support.payee import ACCOUNT, NAME, fund_at_channel, pay_out, payout_body, payout_until
from tests.support.shop import Shop
from tests.support.worker_process import worker_process

AUTH_CODE = "28pay0planted0auth0code"
OPEN_ID = "planted-open-id"
SUBJECT = "Tea for Planted Name"


async def test_planted_secrets_are_in_no_log_and_in_no_history(
    lone_shop: Shop, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Auth code, open id, subject, keys, webhook secret and pay parameters; the request id, however, is everywhere."""
    shop = lone_shop
    url = f"{shop.centre.addresses.sink}/planted"
    webhook = await shop.call("PUT", f"/v1/merchants/{shop.merchant_id}/webhook", {"url": url})
    async with worker_process(shop.centre, tmp_path) as worker:
        payer = {"auth_code": AUTH_CODE, "open_id": OPEN_ID}
        paid = await shop.pay(invoke="barcode", payer=payer, subject=SUBJECT, lines=True)
        waiting = await shop.pay(subject=SUBJECT)
        await shop.payer_pays(waiting["out_no"])
        for payment in (paid, waiting):
            await shop.until(payment["id"], "succeeded")
        await shop.events("payment.succeeded")
        worker_log = worker.log()
    histories = "".join([await history(shop, payment["id"]) for payment in (paid, waiting)])
    logs = worker_log + capfd.readouterr().out
    qr_text = waiting["pay"]["qr_text"]
    for planted in (AUTH_CODE, OPEN_ID, SUBJECT, shop.api_key, webhook.json()["secret"], qr_text, "private_key"):
        assert (False, False) == (planted in logs, planted in histories), planted
    assert paid["id"] in worker_log
    assert {"request_id", "payment_id", "workflow_id"} <= bound_in(worker_log, paid["id"])


async def history(shop: Shop, payment_id: str) -> str:
    """Everything that Temporal keeps of the payment's workflow, payloads in clear as they are on the wire."""
    handle = shop.centre.temporal.get_workflow_handle(payment_id)
    events = [event.SerializeToString() async for event in handle.fetch_history_events()]
    description = await handle.describe()
    kept = b"".join([*events, description.raw_description.SerializeToString()]).decode(errors="replace")
    assert payment_id in kept
    return kept


def bound_in(log: str, payment_id: str) -> set[str]:
    """What the lines about a payment carry."""
    lines = [json.loads(line) for line in log.splitlines() if payment_id in line]
    return {name for line in lines for name in line}


async def test_a_payee_is_in_no_log_no_history_no_event_and_no_answer(
    lone_shop: Shop, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Account and name go from the database to the channel alone: paid, refused, awaiting, and refused at the try."""
    shop = lone_shop
    await fund_at_channel(shop)
    async with worker_process(shop.centre, tmp_path) as worker:
        paid = await pay_out(shop, memo="for Planted Memo")
        refused = await pay_out(shop, account=f"refuse-{ACCOUNT}")
        never = await shop.call("POST", "/v1/payouts", payout_body(shop, 10**9))
        ended = [await payout_until(shop, one["id"], "succeeded", "failed") for one in (paid, refused)]
        events = await shop.events("payout.succeeded") + await shop.events("payout.failed")
        worker_log = worker.log()
    histories = "".join([await history(shop, one["id"]) for one in ended])
    told = json.dumps([never.json(), *ended, *events, await shop.get("/v1/payouts")])
    logs = worker_log + capfd.readouterr().out
    for planted in (ACCOUNT, NAME, "Planted Memo"):
        assert (False, False, False) == (planted in logs, planted in histories, planted in told), planted
    assert paid["id"] in worker_log
