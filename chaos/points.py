"""The failpoints that a load can reach, and which of them each seed arms."""

from collections.abc import Sequence
from itertools import count
from math import gcd

from chaos.failpoints import failpoints

#: What onboarding, rules, and repairs by hand commit; and what the nightly schedules do.
_BY_HAND = frozenset(
    {
        *("account", "audit", "book", "channel.add", "key", "merchant", "rule", "sku", "stock", "suspense", "verify"),
        *("webhook.put", "event.resend", "sweep.drop", "event.lapse", "refund.decide", "payout.decide"),
    }
)
#: Why no seed can end a process there.
UNREACHABLE = {
    "channel.forbid": "asked for when an order expires before it could be sent, a minute and more after its POST",
    "channel.presume": "asked for after an order's expiry and the channel's margin, a minute and more after its POST",
    "inventory.confirm": "the book confirms with every payment, so that stock never does so alone",
    "payment.flag": "asked for when a step after the decision has failed eight times in a row, which takes longer",
    "payout.flag": "as `payment.flag`",
    "refund.flag": "as `payment.flag`",
}
#: So many points are armed by one seed; a worker that is ended costs three seconds of a core.
AT_ONCE = 2
_STRIDE = 53


def reached() -> tuple[str, ...]:
    """Their names, in the order of the alphabet."""
    return tuple(point for point in failpoints() if not _by_hand(point) and step_of(point) not in UNREACHABLE)


def step_of(point: str) -> str:
    """The name of the transaction or call that the point lies before or after."""
    return point.partition(":")[0]


def stretch(seed: int, points: Sequence[str]) -> tuple[str, ...]:
    """What the seed arms: seeds that follow each other go round all points, and neighbours are far apart."""
    size = len(points)
    stride = next(step for step in count(_STRIDE) if gcd(step, size) == 1)
    begins = seed * AT_ONCE
    return tuple(points[place * stride % size] for place in range(begins, begins + min(AT_ONCE, size)))


def _by_hand(point: str) -> bool:
    name = step_of(point)
    return name in _BY_HAND or name.partition(".")[0] in _BY_HAND
