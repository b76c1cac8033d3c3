"""Which URLs an event is told to."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Subscription:
    """A merchant's endpoint: its URL and the types it wants, each whole, as `payment.*`, or `*` for all."""

    url: str
    patterns: tuple[str, ...]

    def wants(self, event_type: str) -> bool:
        """True when one of the patterns takes this type."""
        return any(_takes(pattern, event_type) for pattern in self.patterns)


def targets(event_type: str, snapshot: dict[str, Any], endpoint: Subscription | None) -> Iterable[str]:
    """The endpoint, when it wants the type, and the payment's own `notify_url`; each URL once."""
    urls = [endpoint.url] if endpoint and endpoint.wants(event_type) else []
    notify_url = snapshot.get("payment", {}).get("notify_url")
    return dict.fromkeys([*urls, *([notify_url] if notify_url else [])])


def _takes(pattern: str, event_type: str) -> bool:
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return pattern == event_type
