"""Every table of ours outside the ledger, one module per resource; importing this package registers them all."""

from store.tables import (
    attempts,
    audit,
    catalogue,
    events,
    merchants,
    payments,
    refunds,
    requests,
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
    "refunds",
    "requests",
    "sweeps",
    "verification",
]
