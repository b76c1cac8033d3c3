"""Why a channel gave no answer. Where a failure happened decides its class, and the class decides what is safe.

    ChannelError
    ├── NotExecuted          this call changed nothing at the channel: the same number may be sent again
    │   ├── NotSent          it failed before a byte left us (name, connection, TLS, no free connection)
    │   └── RateLimited      the channel signed that it did not execute
    ├── Unknown              a byte may have left us: only a query by the same number tells what became of it (law 5)
    ├── Misconfigured        our keys, our app or our address of the channel are wrong: a person must act
    ├── Unsupported          the channel account cannot do this; raised before any I/O
    └── CallbackRefused      a notification that is not authentic, too old, or unreadable

What the channel decided about the business (paid, declined, closed, rejected, not found, refund failed) is an answer,
never an exception. Each class speaks of one call only: that this call was not executed says nothing of an earlier one.
"""

from typing import ClassVar

from channels.evidence import Evidence


class ChannelError(Exception):
    """The root. Its text is the code and a fixed sentence: no number, no key, nothing of the body."""

    same_number_ok: ClassVar[bool] = False

    def __init__(self, code: str, detail: str = "", *, evidence: Evidence | None = None) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.evidence = evidence


class NotExecuted(ChannelError):
    """Nothing changed at the channel by this call; the same number may be sent again."""

    same_number_ok = True


class NotSent(NotExecuted):
    """The call failed before a byte of the request left us."""


class RateLimited(NotExecuted):
    """The channel answered that it did not execute, for now."""


class Unknown(ChannelError):
    """A byte of the request may have left us and no trustworthy answer came back: query by the same number.

    Of a call that only asks (a query), it means: ask again.
    """


class Misconfigured(ChannelError):
    """The channel does not know us, or we it: keys, app or address are wrong. This call changed nothing."""


class Unsupported(ChannelError):
    """The channel account cannot do this; nothing was sent."""


class CallbackRefused(ChannelError):
    """The notification proves nothing: wrong signature, too old or too new, or unreadable."""
