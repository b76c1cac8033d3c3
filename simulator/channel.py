"""The seam where a simulated third party plugs in: its routes, its callbacks, its way of being acknowledged."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from starlette.routing import Route

from simulator.faults import Flaw


class NoticeKind(StrEnum):
    """What a callback tells about."""

    PAYMENT = "payment"
    REFUND = "refund"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell a merchant; `number` is the order's, the refund's or the transfer's.

    `out_no` is the order's number, or once more the transfer's.
    """

    notify_id: str
    channel: str
    kind: NoticeKind
    app_id: str
    number: str
    out_no: str
    url: str
    created_at: float
    sent: int
    copies: int
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequest:
    """A callback ready for the wire."""

    url: str
    headers: dict[str, str]
    body: bytes


class Channel(Protocol):
    """A simulated third party. A new one is a module with a class like this, named in `world.py`."""

    name: str

    def routes(self) -> list[Route]:
        """Give the routes under `/{name}/`."""

    def register(self, app_id: str, public_key: str) -> str:
        """Know the merchant from now on, by this key alone, and give the channel's own public key."""

    def callback_request(self, notice: Notice, flaw: Flaw | None) -> CallbackRequest:
        """Write and sign the callback as the book stands now."""

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """Tell whether this answer ends the repeats."""
