"""The customers of a seed: what each asks for, how the payer behaves, and what happens to it afterwards."""

import random
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

PRICE_MINOR = 2_000

Kind = Literal["payment", "top_up", "payout", "transfer"]
Payer = Literal["pays", "never", "late", "wrong", "twice"]

#: How often each kind of journey is chosen, of a hundred.
MIX: tuple[tuple[Kind, int], ...] = (("payment", 66), ("top_up", 12), ("payout", 12), ("transfer", 10))
#: How the payer behaves, of a hundred.
PAYERS: tuple[tuple[Payer, int], ...] = (("pays", 74), ("never", 12), ("late", 6), ("wrong", 4), ("twice", 4))
#: By which tools a payment is paid, of a hundred.
TOOLS = (("channel", 40), ("mixed", 30), ("balance", 15), ("barcode", 15))


class Written(BaseModel):
    """A part of a plan; it can be written down and read again."""

    model_config = ConfigDict(frozen=True)


class Merchant(Written):
    """One business: who holds its money, what its channel can prove, and whether its payments have a daily limit."""

    name: str
    funds_holder: Literal["platform", "merchant"] = "platform"
    close_proof: Literal["final", "after_expiry"] = "final"
    limited: bool = False


class Journey(Written):
    """One customer: what is asked for, how the payer behaves, and what happens to it afterwards."""

    number: int
    kind: Kind
    merchant: int
    at_s: float
    amount_minor: int
    balance_minor: int = 0
    lines: bool = False
    invoke: str = "qr"
    payer: Payer = "pays"
    pays_after_s: float = 0.0
    closes_after_s: float | None = None
    switches: bool = False
    refunds: tuple[int, ...] = ()
    payee_refuses: bool = False
    #: The channel gives up the refunds that it has begun.
    refund_refused: bool = False


def journey_of(choose: random.Random, number: int, load_s: float) -> Journey:
    """One customer, somewhere in the load's time."""
    kind = _weighted(choose, MIX)
    begun = {"number": number, "kind": kind, "at_s": round(choose.uniform(0, load_s), 2)}
    match kind:
        case "payment":
            return Journey.model_validate(begun | _payment(choose))
        case "top_up":
            paid = {"amount_minor": choose.randint(1, 5_000), "merchant": 0}
            return Journey.model_validate(begun | paid | _payer(choose))
        case "payout":
            refused = {"payee_refuses": _chance(choose, 8), "amount_minor": choose.randint(1, 3_000)}
            return Journey.model_validate(begun | refused | {"merchant": 0})
        case _:
            return Journey.model_validate(begun | {"amount_minor": choose.randint(1, 1_500), "merchant": 0})


def _payment(choose: random.Random) -> dict[str, object]:
    tool, lines = _weighted(choose, TOOLS), _chance(choose, 50)
    amount_minor = choose.choice((1, 2)) * PRICE_MINOR if lines else choose.randint(3, 9_999)
    balance_minor = {"mixed": min(amount_minor - 1, choose.randint(1, 900)), "balance": amount_minor}.get(tool, 0)
    paid = _payer(choose) if tool in {"channel", "mixed"} else {}
    # A channel that called an order closed for good and takes money all the same tells of it by its callback alone:
    # the merchant whose callbacks may be lost has no such payers.
    honest = paid.get("payer") in {None, "pays", "never"}
    settled = {
        "merchant": int(honest and _chance(choose, 35)),
        "amount_minor": amount_minor,
        "balance_minor": balance_minor,
        "lines": lines,
        "invoke": "barcode" if tool == "barcode" else "qr",
        "refunds": _refunds(choose, amount_minor),
    }
    return settled | paid


def _payer(choose: random.Random) -> dict[str, object]:
    """Who never pays is closed; who pays late or wrongly is told so; who pays may race against a close."""
    payer = _weighted(choose, PAYERS)
    pays_after_s = round(choose.uniform(0, 1.5), 2)
    races = payer == "pays" and _chance(choose, 12)
    closes = payer in {"never", "late"} or races
    return {
        "payer": payer,
        "pays_after_s": pays_after_s,
        "closes_after_s": round(pays_after_s + choose.uniform(-0.1, 0.3), 2) if closes else None,
        "switches": payer == "twice" or _chance(choose, 5),
    }


def _refunds(choose: random.Random, amount_minor: int) -> tuple[int, ...]:
    """None, all of it, or some parts, the last of which may be more than is left."""
    if _chance(choose, 45):
        return ()
    if _chance(choose, 45):
        return (amount_minor,)
    return tuple(max(1, amount_minor // choose.randint(2, 4)) for _ in range(choose.randint(1, 3)))


def _weighted(choose: random.Random, weights: Sequence[tuple[str, int]]) -> str:
    return choose.choices([name for name, _ in weights], [weight for _, weight in weights])[0]


def _chance(choose: random.Random, percent: int) -> bool:
    return choose.random() * 100 < percent
