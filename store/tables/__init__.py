"""Every table of ours outside the ledger, one module per resource; importing this package registers them all."""

from store.tables import (
    attempts,
    audit,
    catalogue,
    events,
    merchants,
    payments,
    payouts,
    refunds,
    requests,
    rules,
    sweeps,
    verification,
)

__all__ = [
    "attempts",
    "audit",
    "catalogue",
    "events",
    "merchants",
    "payments",
    "payouts",
    "refunds",
    "requests",
    "rules",
    "sweeps",
    "verification",
]
