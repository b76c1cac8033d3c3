"""What reaches a running workflow from outside: callbacks, requests to close, requests to switch."""

from collections import deque
from dataclasses import dataclass, field

from domain.commands import SwitchCommand


@dataclass
class Mailbox:
    """News that the process has not looked at yet."""

    callbacks: deque[str] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)
    close_requested: bool = False
    switch: SwitchCommand | None = None

    def deliver(self, callback_id: str) -> None:
        """A stored callback waits to be applied; a repeat of one is ignored."""
        if callback_id not in self.seen:
            self.seen.add(callback_id)
            self.callbacks.append(callback_id)

    def request_close(self) -> None:
        """The business, or the cancel button of the Temporal UI, wants the payment closed."""
        self.close_requested = True

    def has_news(self) -> bool:
        """True when there is something to act on."""
        return bool(self.callbacks) or self.close_requested or self.switch is not None
