"""Workers without versions: a change goes in with `patched`; what does not fit stalls, and moves no money."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from tests.support.books import book_is_sound
from tests.support.centre import eventually
from tests.support.shop import STOCK, Shop
from tests.support.worker_process import Release
from tests.upgrades.conftest import Fleet
from tests.upgrades.releases import later
from tests.upgrades.test_versions import paid
from tests.upgrades.traces import refused_tasks, times_read

TODAY, PATCHED, CHANGED = Release(), later("patched"), later("changed")
AT_ONCE = 8
#: A refused task is offered again after growing pauses of up to ten seconds.
HOME_WITHIN = timedelta(seconds=60)


async def stalls_although_paid(shop: Shop, payment: dict[str, str]) -> None:
    """The payer has paid; no worker that is there can go on, and nothing has been posted or given away."""
    await shop.payer_pays(payment["out_no"])
    await eventually(lambda: refused_tasks(shop, payment["id"]), bool)
    assert "awaiting_payer" == (await shop.payment(payment["id"]))["state"]
    assert (STOCK, 2, 0) == await shop.stock()
    await book_is_sound(shop)


async def home(shop: Shop, payments: Sequence[dict[str, str]]) -> None:
    """All have succeeded, and the book says so."""
    for payment in payments:
        await eventually(
            lambda one=payment: shop.payment(one["id"]), lambda now: now["state"] == "succeeded", within=HOME_WITHIN
        )
    assert (STOCK, 0, 2 * len(payments)) == await shop.stock()
    await book_is_sound(shop)


async def test_a_patched_change_takes_over_what_began_before_it(quiet_shop: Shop, fleet: Fleet) -> None:
    """Old payments go on as they began, on the new worker; new ones run the new code."""
    shop = quiet_shop
    old = await fleet.start(TODAY)
    before = await shop.pay(lines=True)
    await fleet.start(PATCHED)
    await old.aclose()
    after = await shop.pay(lines=True)
    await paid(shop, before, after)
    assert (1, 2) == (await times_read(shop, before["id"]), await times_read(shop, after["id"]))
    assert (STOCK, 0, 4) == await shop.stock()
    await book_is_sound(shop)


async def test_old_and_new_workers_together_lose_no_payment(quiet_shop: Shop, fleet: Fleet) -> None:
    """Either may begin a payment; what the old one refuses is the new one's, at the latest once it is alone."""
    shop = quiet_shop
    old = await fleet.start(TODAY)
    begun = [await shop.pay(lines=True) for _ in range(AT_ONCE)]
    await fleet.start(PATCHED)
    begun += await asyncio.gather(*(shop.pay(lines=True) for _ in range(AT_ONCE)))
    await asyncio.gather(*(shop.payer_pays(payment["out_no"]) for payment in begun))
    await old.aclose()
    await home(shop, begun)


async def test_a_new_history_stalls_on_an_old_worker_until_that_is_gone(quiet_shop: Shop, fleet: Fleet) -> None:
    """The old code does not know the patch: it refuses the task, again and again, and moves no money."""
    shop = quiet_shop
    new = await fleet.start(PATCHED)
    started = await shop.pay(lines=True)
    await new.aclose()
    old = await fleet.start(TODAY)
    await stalls_although_paid(shop, started)
    await fleet.start(PATCHED)
    await old.aclose()
    await home(shop, [started])


async def test_a_change_without_a_patch_stalls_what_is_open_and_a_rollback_frees_it(
    quiet_shop: Shop, fleet: Fleet
) -> None:
    """The mistake costs time, not money: the release before it takes the payment home."""
    shop = quiet_shop
    old = await fleet.start(TODAY)
    started = await shop.pay(lines=True)
    await old.aclose()
    mistaken = await fleet.start(CHANGED)
    await stalls_although_paid(shop, started)
    await fleet.start(TODAY)
    await mistaken.aclose()
    await home(shop, [started])
