"""What a refund posts: gross legs that take exactly what was held, wherever it was held."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from activities.refund_money import refund_amounts
from activities.unapplied import refund_hold_key
from domain.ids import AccountId
from domain.money import Currency
from ledger import steps

PARTS = ("pending", "available", "debt")


@st.composite
def _rows(draw: st.DrawFn) -> dict[str, Any]:
    """A refund as its try leaves it: the net amount held over three accounts in any division."""
    theirs = draw(st.booleans())
    shares = {name: draw(st.integers(0, 10_000)) for name in ("channel_minor", "balance_minor", "coupon_minor")}
    fee_minor = draw(st.integers(0, sum(shares.values())))
    net_minor = shares["balance_minor"] + shares["coupon_minor"]
    net_minor += 0 if theirs else shares["channel_minor"] - fee_minor
    first = draw(st.integers(0, max(net_minor, 0)))
    second = draw(st.integers(0, max(net_minor, 0) - first))
    held = dict(zip(PARTS, draw(st.permutations((first, second, max(net_minor, 0) - first - second))), strict=True))
    columns = {f"{name}_minor": held_minor for name, held_minor in held.items()}
    columns |= {"net_minor": net_minor, "direct_minor": shares["channel_minor"] if theirs else 0}
    return {**shares, **columns, "fee_minor": fee_minor, "held_by_merchant": theirs}


@given(_rows())
def test_each_account_gives_exactly_what_it_held(row: dict[str, Any]) -> None:
    """The legs sum to zero, what comes out of a hold is that hold, and each tool and our fee get their share."""
    key = refund_hold_key("ref_1")
    roles = {name: steps.Role(f"merchant_{name}") for name in PARTS}
    parties = steps.Parties(
        currency=Currency.CNY,
        object_id="ref_1",
        merchant_id="mer_1",
        channel_account_id="cha_1",
        wallet_id=AccountId("acc_1"),
        holds={roles[name]: key.model_copy(update={"step": name}) for name in PARTS if row[f"{name}_minor"]},
    )
    net: Counter[str] = Counter()
    for leg in steps.legs(steps.REFUND, refund_amounts(row), parties):
        net[leg.account_kind] += leg.amount_minor
    assert 0 == sum(net.values())
    taken = {name: -row[f"{name}_minor"] for name in PARTS}
    taken["pending"] += max(-row["net_minor"], 0)  # a fee above the rest is a credit
    assert taken == {name: net[role] for name, role in roles.items()}
    assert (row["channel_minor"], row["balance_minor"], row["coupon_minor"]) == (
        net["channel_clearing"],
        net["wallet"],
        net["coupon_cost"],
    )
    assert (-row["fee_minor"], -row["direct_minor"]) == (net["platform_fee"], net["merchant_direct"])


def test_the_returning_fee_goes_where_the_first_part_was_held() -> None:
    """Also where only debt pays, so that gross less fee is what that account holds."""
    row = {f"{name}_minor": 0 for name in (*PARTS, "direct", "balance", "coupon")}
    row |= {"channel_minor": 4_000, "debt_minor": 3_976, "fee_minor": 24, "held_by_merchant": False}
    amounts = {name: amount_minor for name, amount_minor in refund_amounts(row).items() if amount_minor}
    assert {"debt_minor": 4_000, "debt_fee_minor": 24, "channel_minor": 4_000} == amounts
