"""What is asked of the invariants, and what they said."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from domain.objects import Moment, Shown
from domain.orders import Frozen

#: Before everything that was ever written.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Scope(StrEnum):
    """Whether a run looks at what changed since shortly before the last one, or at everything."""

    CHANGED = "changed"
    EVERYTHING = "everything"


class VerifyCommand(Frozen):
    """One run over all invariants."""

    scope: Scope = Scope.CHANGED


class VerifyCounts(Frozen):
    """How many invariants were asked, how many do not hold, and how many rows say so."""

    scope: Scope
    since: datetime | None = None
    invariants: int = 0
    broken: int = 0
    rows: int = 0
    duration_ms: int = 0


class SealCounts(Frozen):
    """What one run of the seal closed for good: actions of operators, and the last day of the book."""

    actions: int = 0
    sealed_day: str | None = None


class Invariant(Frozen):
    """A rule of the book or of the objects, and the query that returns no rows while it holds."""

    name: str
    query: str

    @property
    def number(self) -> int:
        """Its number in the facts."""
        return int(self.name.partition("_")[0])

    @property
    def holds(self) -> str:
        """What holds, in words: the comment that the query begins with."""
        said: list[str] = []
        for line in self.query.splitlines():
            if not line.startswith("--"):
                break
            said.append(line.removeprefix("--").strip())
        return " ".join(said)


class Verdict(Frozen):
    """What one invariant said; `rows` holds at most so many as a run keeps, `count` says how many it kept."""

    invariant: Invariant
    rows: tuple[dict[str, Any], ...] = ()
    duration_ms: int = 0

    @property
    def count(self) -> int:
        """How many rows broke it, up to the limit of a run."""
        return len(self.rows)


class Report(Frozen):
    """One run: every invariant in one snapshot."""

    scope: Scope
    since: datetime | None
    verdicts: tuple[Verdict, ...]
    duration_ms: int

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """The invariants that do not hold."""
        return tuple(verdict for verdict in self.verdicts if verdict.rows)

    def counts(self) -> VerifyCounts:
        """What is told of the run where its rows are not needed."""
        return VerifyCounts(
            scope=self.scope,
            since=self.since,
            invariants=len(self.verdicts),
            broken=len(self.broken),
            rows=sum(verdict.count for verdict in self.verdicts),
            duration_ms=self.duration_ms,
        )


class FindingState(StrEnum):
    """`open` until a run over everything sees the row no more."""

    OPEN = "open"
    ENDED = "ended"


class FindingObject(Shown):
    """An object that a rule does not hold for: somebody must look at it."""

    rule: str = Field(examples=["11_succeeded_payment_is_paid_once"])
    holds: str = Field(description="What should hold.")
    object_id: str
    state: FindingState
    evidence: dict[str, Any] = Field(description="The row that the rule's query returned last.")
    owner: str = Field(examples=["operations"])
    first_seen_at: Moment
    last_seen_at: Moment
    ended_at: Moment | None
