"""The root of the business error tree; the tree itself is drawn in `domain/errors.py`."""

from enum import StrEnum
from typing import ClassVar


class Advice(StrEnum):
    """What the caller can do about an error."""

    FIX = "fix the request"
    RETRY = "retry with the same key"
    ASK_LATER = "ask later"
    TELL = "tell a person"
    START_AGAIN = "start a new payment"


class BusinessError(Exception):
    """The root: an error that a rule of the business raised on purpose, never a fault of the machinery."""

    code: ClassVar[str] = ""
    status: ClassVar[int] = 409
    advice: ClassVar[Advice] = Advice.FIX
    title: ClassVar[str] = ""

    @property
    def detail(self) -> str:
        """What happened, for a human; carries no secrets and no names."""
        return str(self) or self.title
