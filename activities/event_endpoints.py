"""The endpoints that merchants registered, as the feed needs them: what each wants, and what signs for it."""

from dataclasses import dataclass

from sqlalchemy import RowMapping

from activities.delivery_rows import sealed_secrets
from activities.event_targets import Subscription


@dataclass(frozen=True)
class Endpoint:
    """A merchant's webhook; secrets are sealed, the newest first."""

    subscription: Subscription
    sealed_secrets: tuple[bytes, ...]


def endpoint_of(row: RowMapping) -> Endpoint | None:
    """The endpoint whose columns stand beside an event; None where its merchant has no webhook."""
    if row["url"] is None:
        return None
    return Endpoint(Subscription(row["url"], tuple(row["events"])), sealed_secrets(row))
