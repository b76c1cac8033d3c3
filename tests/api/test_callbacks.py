"""Callbacks are hints: verified, compared, stored as they came, and acknowledged whatever becomes of them (law 8)."""

import pytest

from tests.api.away import serving, settings_without
from tests.api.notices import Notifier
from tests.channels.wire_peer import ChannelKey
from tests.support.centre import Centre, eventually
from tests.support.shop import Shop

OK = (200, {"code": "OK"})
FAIL = (500, {"code": "FAIL"})


async def test_a_matching_notice_brings_the_payment_home(shop: Shop) -> None:
    """Stored byte for byte, acknowledged in the channel's words, applied by the workflow."""
    notifier, payment = await Notifier.of(shop), await shop.pay()
    await notifier.take_over(payment)
    body = notifier.notice(payment)
    answer = await notifier.send(body)
    assert OK == (answer.status_code, answer.json())
    await shop.until(payment["id"], "succeeded")
    assert [("matched", body, True)] == [
        (one["verdict"], bytes(one["body"]), one["applied_at"] is not None) for one in await notifier.stored()
    ]


async def test_a_repeat_is_acknowledged_and_stored_once(shop: Shop) -> None:
    """The channel repeats until it is heard; we apply it once."""
    notifier, payment = await Notifier.of(shop), await shop.pay()
    await notifier.take_over(payment)
    body = notifier.notice(payment)
    answers = [await notifier.send(body) for _ in range(3)]
    paid = await shop.until(payment["id"], "succeeded")
    answers.append(await notifier.send(body))
    assert [OK] * 4 == [(answer.status_code, answer.json()) for answer in answers]
    assert (1, paid["version"]) == (len(await notifier.stored()), (await shop.payment(payment["id"]))["version"])


@pytest.mark.parametrize(
    "changes",
    [{"paid_amount_minor": 1}, {"currency": "USD"}, {"app_id": "somebody-else"}],
    ids=["amount", "currency", "account"],
)
async def test_a_notice_that_differs_from_our_order_decides_nothing(shop: Shop, changes: dict[str, object]) -> None:
    """It is kept as a mismatch and makes us ask; the channel's answer decides, and there nobody paid."""
    notifier, payment = await Notifier.of(shop), await shop.pay()
    await notifier.take_over(payment)
    answer = await notifier.send(notifier.notice(payment, **changes))
    assert OK == (answer.status_code, answer.json())
    applied = await eventually(notifier.stored, lambda rows: rows[0]["applied_at"] is not None)
    assert ["mismatched"] == [one["verdict"] for one in applied]
    assert "awaiting_payer" == (await shop.payment(payment["id"]))["state"]


async def test_a_notice_about_another_accounts_order_decides_nothing(shop: Shop) -> None:
    """The order exists, at another contract."""
    notifier, payment = await Notifier.of(shop), await shop.pay()
    await notifier.send(notifier.notice(payment))
    assert ["mismatched"] == [one["verdict"] for one in await notifier.stored()]


async def test_a_weak_signature_only_makes_us_ask(shop: Shop) -> None:
    """Where the channel's signature proves little, the query is the proof."""
    notifier, payment = await Notifier.of(shop, callback_is_proof=False), await shop.pay()
    await notifier.take_over(payment)
    await notifier.send(notifier.notice(payment))
    applied = await eventually(notifier.stored, lambda rows: rows[0]["applied_at"] is not None)
    assert ["unproven"] == [one["verdict"] for one in applied]
    assert "awaiting_payer" == (await shop.payment(payment["id"]))["state"]


async def test_a_notice_about_no_order_of_ours_is_kept_for_a_person(shop: Shop) -> None:
    """Stored is acknowledged: repeating it would not help."""
    notifier = await Notifier.of(shop)
    nobody = {"out_no": "NOBODYS0", "channel_no": "SIM1", "amount_minor": 1}
    answer = await notifier.send(notifier.notice(nobody))
    assert OK == (answer.status_code, answer.json())
    assert [("unknown_order", None)] == [(one["verdict"], one["applied_at"]) for one in await notifier.stored()]


async def test_what_is_not_authentic_is_refused_and_not_stored(shop: Shop) -> None:
    """A wrong key, an old signature, and no signature at all."""
    notifier, payment = await Notifier.of(shop), await shop.pay()
    body = notifier.notice(payment)
    path = f"/callbacks/sim/{notifier.account_id}"
    answers = [
        await notifier.send(body, key=ChannelKey()),
        await notifier.send(body, late_s=400),
        await shop.centre.http.post(path, content=body),
        await shop.centre.http.get(path),
    ]
    assert [FAIL] * 4 == [(answer.status_code, answer.json()) for answer in answers]
    assert [] == await notifier.stored()


async def test_a_notice_for_an_account_that_does_not_exist_is_404(shop: Shop, centre: Centre) -> None:
    """Neither by id nor under another channel's name."""
    for path in ("/callbacks/sim/cha_none", f"/callbacks/alipay/{shop.channel_account_id}"):
        answer = await centre.http.post(path, content=b"{}")
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])


async def test_a_notice_above_256_kib_is_refused(shop: Shop, centre: Centre) -> None:
    """Nobody fills our tables."""
    answer = await centre.http.post(f"/callbacks/sim/{shop.channel_account_id}", content=b"x" * (256 * 1024 + 1))
    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


async def test_without_temporal_a_stored_notice_is_acknowledged(shop: Shop) -> None:
    """The signal may fail: the row is there, and the poll or the watch finds it."""
    notifier, payment = await Notifier.of(shop), await shop.pay()
    await notifier.take_over(payment)
    body = notifier.notice(payment)
    target = f"/callbacks/sim/{notifier.account_id}"
    async with serving(settings_without(shop.centre.addresses, temporal=False)) as http:
        answer = await http.post(target, content=body, headers=notifier.headers(target, body))
    assert OK == (answer.status_code, answer.json())
    assert ["matched"] == [one["verdict"] for one in await notifier.stored()]
