"""Corners of the money's way where two runs, two contracts or no workflow meet."""

from sqlalchemy import text

from store import payments
from tests.support.books import balances, book_is_sound
from tests.support.shop import Shop, operator, register_at_channel
from tests.workflows.test_sweeper import sweep, terminate

_DISABLE = text("UPDATE channel_account SET enabled = false WHERE id = :id")
_AS_SENT = text("UPDATE attempt SET state = 'sent', sends = :sends WHERE out_no = :out_no")
_STATE = text("SELECT state FROM attempt WHERE out_no = :out_no")


async def test_a_switch_to_another_contract_posts_on_the_side_that_holds_the_money(shop: Shop) -> None:
    """Opened where the platform holds the money, paid where the merchant does: a memo, never our debt."""
    started = await shop.pay()
    app_id, keys = await register_at_channel(shop.centre)
    config = {"base_url": f"{shop.centre.addresses.simulator}/sim", "app_id": app_id}
    contract = {"channel": "sim", "currency": "CNY", "funds_holder": "merchant", "config": config, "secrets": keys}
    await operator(shop.centre, "POST", f"/v1/merchants/{shop.merchant_id}/channels", contract)
    async with shop.centre.database.transaction("test.disable") as session:
        await session.execute(_DISABLE, {"id": shop.channel_account_id})
    switched = await shop.post(f"/v1/payments/{started['id']}/switch", {"channel": "sim", "invoke": "page"})
    await shop.payer_pays(switched["out_no"])
    await shop.until(started["id"], "succeeded")
    posted = await balances(shop, started["id"])
    assert (4_000, None) == (posted["merchant_direct"], posted.get("merchant_pending"))
    await book_is_sound(shop)


async def test_a_stale_sender_does_not_undo_the_send_of_another_run(shop: Shop) -> None:
    """Let through once, the intent may stand again; let through twice, the order may be at the channel (law 4)."""
    out_no = (await shop.pay())["out_no"]
    states = {}
    for sends in (1, 2):
        async with shop.centre.database.transaction("test.unsend") as session:
            await session.execute(_AS_SENT, {"out_no": out_no, "sends": sends})
            await payments.undo_send(session, out_no)
            states[sends] = await session.scalar(_STATE, {"out_no": out_no})
    assert {1: "intent", 2: "sent"} == states


async def test_a_close_that_no_workflow_heard_is_not_answered_with_success(shop: Shop) -> None:
    """503 until the sweeper has brought the workflow back; then the same call closes."""
    started = await shop.pay()
    await terminate(shop, started["id"])
    unheard = await shop.call("POST", f"/v1/payments/{started['id']}/close")
    assert (503, "unavailable") == (unheard.status_code, unheard.json()["code"])
    await sweep(shop)
    await shop.post(f"/v1/payments/{started['id']}/close", None)
    await shop.until(started["id"], "closed")
