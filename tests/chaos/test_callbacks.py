"""The enemy of the callbacks: it credits nothing, and is acknowledged only for what the channel had sent."""

from typing import Any

import pytest

from chaos.callbacks import Attack, Enemy, Heard, Shot
from tests.support.books import book_is_sound
from tests.support.refunds import Refunds
from tests.support.shop import Shop


async def heard_about(shop: Shop, *payments: dict[str, Any]) -> list[Heard]:
    """The notifications about these payments."""
    entries: list[dict[str, Any]] = []
    for payment in payments:
        entries += await shop.control("GET", f"/_sim/journal?out_no={payment['out_no']}")
    return Heard.of(entries)


async def test_the_enemy_credits_nothing(shop: Shop) -> None:
    """Repeated fifty times, edited, forged, cut off, blown up or sent to another account."""
    paid = [await Refunds(shop).paid(lines=True), await Refunds(shop).paid(balance_minor=1_000)]
    waiting = await shop.pay()
    versions = [(await shop.payment(one["id"]))["version"] for one in (*paid, waiting)]
    wallet, stock = await shop.wallet(), await shop.stock()
    heard = await heard_about(shop, *paid)
    shots = await Enemy(shop.centre.http).attack(heard)
    assert [] == [shot for shot in shots if shot.hit]
    assert {200} == {shot.status for shot in shots if shot.attack is Attack.REPEATED}
    assert set(Attack) == {shot.attack for shot in shots}
    assert versions == [(await shop.payment(one["id"]))["version"] for one in (*paid, waiting)]
    assert (wallet, stock) == (await shop.wallet(), await shop.stock())
    await book_is_sound(shop)


@pytest.mark.parametrize(
    ("attack", "status", "hit"),
    [("forged", 200, True), ("forged", 500, False), ("repeated", 200, False), ("truncated", None, False)],
)
def test_a_hit_is_an_acknowledged_lie(attack: str, status: int | None, *, hit: bool) -> None:
    """What the channel itself had sent may be acknowledged again."""
    assert hit == Shot(Attack(attack), status).hit


@pytest.mark.parametrize("attack", [attack for attack in Attack if not attack.authentic])
def test_every_attack_changes_something(attack: Attack) -> None:
    """An attack that sends the truth would prove nothing."""
    heard = Heard("/callbacks/sim/cha_1", {"sim-signature": "abc"}, b'{"resource":{"out_no":"A","amount_minor":5}}')
    assert heard != heard.turned(attack, elsewhere="/callbacks/sim/cha_2")
