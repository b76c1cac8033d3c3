"""A plain book of one merchant, and whether what the real one answered fits some order of what happened at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

WALLETS = ("wallet 0", "wallet 1", "wallet 2")
PENDING, AVAILABLE, DEBT = "pending", "available", "debt"
#: A refund may take so much of its payment's own share first, and at last so much more than the merchant has.
OWN_SHARE_MINOR, DEBT_LIMIT_MINOR = 80, 150


class Name(StrEnum):
    """What may happen; try, confirm and cancel of one number are about one hold, and so are those of a refund."""

    TRY = "try"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    REFUND_TRY = "refund try"
    REFUND_CONFIRM = "refund confirm"
    REFUND_CANCEL = "refund cancel"
    TRANSFER = "transfer"
    PAY = "pay"
    SETTLE = "settle"
    FOLD = "fold"


class Said(StrEnum):
    """What the book may answer."""

    HELD = "held"
    REPLAY = "replay"
    RELEASED = "released"
    TOMBSTONE = "tombstone"
    POSTED = "posted"
    SHORT = "short"  # the balance is insufficient
    CANCELLED = "cancelled"  # the try came after its cancel
    CONFLICT = "conflict"
    FOLDED = "folded"


@dataclass(frozen=True)
class Part:
    """So much of a hold lies on that account."""

    account: str
    amount_minor: int


@dataclass(frozen=True)
class Source:
    """Where a try looks for money: what that account gives at most (None: all), and how far below zero it may go."""

    account: str
    at_most_minor: int | None = None
    credit_minor: int = 0


@dataclass(frozen=True)
class Action:
    """Name and number decide accounts and amounts, so that a repeat is one; a confirm names the parts it knows of."""

    name: Name
    number: int
    parts: tuple[Part, ...] = ()

    @property
    def hold(self) -> str:
        """The step under which the hold is kept."""
        return f"{'refund' if self.name.startswith('refund') else 'hold'}{self.number}"

    @property
    def posting(self) -> str:
        """The step under which the posting is kept."""
        return f"{self.name.replace(' ', '_')}{self.number}"

    @property
    def wallets(self) -> tuple[str, str]:
        """Who gives and, in a transfer, who takes: numbers that differ by three move money in opposite directions."""
        giver, taker = self.number % 3, (self.number + 1) % 3
        return (WALLETS[giver], WALLETS[taker]) if self.number // 3 % 2 == 0 else (WALLETS[taker], WALLETS[giver])

    @property
    def amount_minor(self) -> int:
        """How much money it is about."""
        match self.name:
            case Name.PAY:
                return 10 + self.number % 9
            case Name.REFUND_TRY | Name.REFUND_CONFIRM | Name.REFUND_CANCEL:
                return 70 + 80 * (self.number % 9)
            case _:
                return 60 + 30 * (self.number % 9)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the try looks, in this order."""
        if self.name.startswith("refund"):
            own, debt = Source(PENDING, at_most_minor=OWN_SHARE_MINOR), Source(DEBT, credit_minor=DEBT_LIMIT_MINOR)
            return (own, Source(AVAILABLE), Source(PENDING), debt)
        return (Source(self.wallets[0]),)


@dataclass(frozen=True)
class Answer:
    """What the book said about an action."""

    said: Said
    parts: tuple[Part, ...] = ()
    posting_id: UUID | None = None


@dataclass(frozen=True)
class Kept:
    """A hold: where its money lies, and how it ended."""

    parts: tuple[Part, ...]
    state: Said  # HELD, RELEASED, or POSTED when it was confirmed


@dataclass(frozen=True)
class Book:
    """What each account has available, its holds, and the postings, as if everything came one by one."""

    available: Mapping[str, int]
    frozen: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    holds: Mapping[str, Kept] = field(default_factory=lambda: MappingProxyType({}))
    posted: Mapping[str, UUID | None] = field(default_factory=lambda: MappingProxyType({}))

    def known(self, action: Action) -> Action:
        """A confirm with the parts that its try answered; one that knows of none names what a try would take first."""
        if action.name not in {Name.CONFIRM, Name.REFUND_CONFIRM}:
            return action
        guess = (Part(action.sources[0].account, action.amount_minor),)
        return replace(action, parts=(kept.parts if (kept := self.holds.get(action.hold)) else ()) or guess)

    def after(self, action: Action, answer: Answer) -> "Book | None":
        """The book afterwards; None when it would have answered otherwise."""
        match action.name:
            case Name.TRY | Name.REFUND_TRY:
                return self._tried(action, answer)
            case Name.CANCEL | Name.REFUND_CANCEL:
                return self._cancelled(action, answer)
            case Name.FOLD:
                return self if answer.said is Said.FOLDED else None
            case _:
                return self._posting(action, answer)

    def _tried(self, action: Action, answer: Answer) -> "Book | None":
        if kept := self.holds.get(action.hold):
            again = Said.HELD if action.name is Name.REFUND_TRY else Said.REPLAY  # the one does not say it was held
            expected = Said.CANCELLED if kept.state is Said.RELEASED else again
            parts = () if expected is Said.CANCELLED else kept.parts
            return self if answer == Answer(expected, parts) else None
        parts = self._found(action)
        if not parts:
            return self if answer == Answer(Said.SHORT) else None
        held = self.with_hold(action.hold, Kept(parts, Said.HELD))
        return held.moved(parts, free=-1, frozen=1) if answer == Answer(Said.HELD, parts) else None

    def _found(self, action: Action) -> tuple[Part, ...]:
        """Where the amount is, source by source; nothing when all of them together do not have it."""
        taken: dict[str, int] = {}
        missing_minor = action.amount_minor
        for source in action.sources:
            left_minor = self.available[source.account] + source.credit_minor - taken.get(source.account, 0)
            bounds = [left_minor, missing_minor, *([] if source.at_most_minor is None else [source.at_most_minor])]
            if min(bounds) > 0:
                taken[source.account] = taken.get(source.account, 0) + min(bounds)
                missing_minor -= min(bounds)
        return () if missing_minor else tuple(Part(account, minor) for account, minor in taken.items())

    def _cancelled(self, action: Action, answer: Answer) -> "Book | None":
        kept = self.holds.get(action.hold)
        match kept and kept.state:
            case None:
                expected, after = Said.TOMBSTONE, self.with_hold(action.hold, Kept((), Said.RELEASED))
            case Said.HELD:
                assert kept is not None
                released = self.with_hold(action.hold, Kept(kept.parts, Said.RELEASED))
                expected, after = Said.RELEASED, released.moved(kept.parts, free=1, frozen=-1)
            case Said.RELEASED:
                expected, after = Said.REPLAY, self
            case _:
                expected, after = Said.CONFLICT, self
        return after if answer == Answer(expected) else None

    def _posting(self, action: Action, answer: Answer) -> "Book | None":
        if action.posting in self.posted:
            return self if answer == Answer(Said.REPLAY, (), self.posted[action.posting]) else None
        after = self._confirmed(action) if action.parts else self._taken(action)
        if isinstance(after, Said):
            return self if answer == Answer(after) else None
        after = replace(after, posted={**self.posted, action.posting: answer.posting_id})
        return after if answer.said is Said.POSTED else None

    def _confirmed(self, action: Action) -> "Book | Said":
        if self.holds.get(action.hold) != Kept(action.parts, Said.HELD):
            return Said.CONFLICT
        after = self.with_hold(action.hold, Kept(action.parts, Said.POSTED)).moved(action.parts, frozen=-1)
        credit = Part(PENDING, action.amount_minor)
        return after.moved([credit], free=1) if action.name is Name.CONFIRM else after

    def _taken(self, action: Action) -> "Book | Said":
        giver, taker = {
            Name.TRANSFER: action.wallets,
            Name.SETTLE: (PENDING, AVAILABLE),
        }.get(action.name, (None, PENDING))
        if giver and self.available[giver] < action.amount_minor:
            return Said.SHORT
        after = self.moved([Part(taker, action.amount_minor)], free=1)
        return after.moved([Part(giver, action.amount_minor)], free=-1) if giver else after

    def with_hold(self, name: str, kept: Kept) -> "Book":
        """The hold is as it says, and no balance has changed."""
        return replace(self, holds={**self.holds, name: kept})

    def moved(self, parts: Sequence[Part], *, free: int = 0, frozen: int = 0) -> "Book":
        """The parts are added to what is available or frozen in their accounts, or taken from it: 1 or −1."""
        available, held = dict(self.available), dict(self.frozen)
        for part in parts:
            available[part.account] += free * part.amount_minor
            held[part.account] = held.get(part.account, 0) + frozen * part.amount_minor
        return replace(self, available=available, frozen=held)


def in_some_order(book: Book, happened: Sequence[tuple[Action, Answer]]) -> Book | None:
    """The book after what happened at once; None when no order of it explains every answer."""
    if not happened:
        return book
    for place, after in _firsts(book, happened):
        if end := in_some_order(after, [*happened[:place], *happened[place + 1 :]]):
            return end
    return None


def _firsts(book: Book, happened: Sequence[tuple[Action, Answer]]) -> Iterator[tuple[int, Book]]:
    """Each action that may have come first, and the book after it; one that changes nothing needs no other order."""
    for place, (action, answer) in enumerate(happened):
        if after := book.after(action, answer):
            yield place, after
