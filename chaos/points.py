"""The failpoints that a load can reach: those of steps, calls and loops, not those of an operator's changes."""

from chaos.failpoints import failpoints

#: What onboarding, rules, and repairs by hand commit; and what the nightly schedules do.
_BY_HAND = frozenset(
    {
        *("account", "audit", "book", "channel.add", "key", "merchant", "rule", "sku", "stock", "suspense", "verify"),
        *("webhook.put", "event.resend", "sweep.drop", "event.lapse", "refund.decide", "payout.decide"),
    }
)


def reached() -> tuple[str, ...]:
    """Their names, in the order of the alphabet."""
    return tuple(point for point in failpoints() if not _by_hand(point))


def _by_hand(point: str) -> bool:
    name = point.partition(":")[0]
    return name in _BY_HAND or name.partition(".")[0] in _BY_HAND
