"""Every table of ours outside the ledger, one module per resource; importing this package registers them all."""

from store.tables import (
    attempts,
    catalogue,
    events,
    merchants,
    payments,
    payouts,
    refunds,
    requests,
    rules,
    sweeps,
)

__all__ = [
    "attempts",
    "catalogue",
    "events",
    "merchants",
    "payments",
    "payouts",
    "refunds",
    "requests",
    "rules",
    "sweeps",
]
