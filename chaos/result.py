"""What a seed came to, as it is kept and counted."""

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel

from chaos.circumstances import Circumstances
from chaos.judge import Verdict
from chaos.plan import Plan
from chaos.trouble import Trouble
from chaos.truth import ENDS, Truth


class Injected(BaseModel):
    """What was done to the stack, by kind, and which failpoints ended a process."""

    faults: dict[str, int] = {}
    hit: list[str] = []


class Result(BaseModel):
    """One seed: its load, its faults, the seconds of each phase, and how often each rule was broken."""

    seed: int
    driven: dict[str, int] = {}
    answers: int = 0
    unknown: int = 0
    injected: Injected = Injected()
    phases: dict[str, float] = {}
    #: What the drain waited for at last.
    last: str = ""
    waiting: list[str] = []
    rules: dict[str, int] = {}
    breaches: dict[str, list[str]] = {}
    under: Circumstances = Circumstances()

    @property
    def held(self) -> bool:
        """True when no rule was broken."""
        return not self.breaches

    @property
    def took_s(self) -> float:
        """The seconds of all phases."""
        return round(sum(self.phases.values()), 1)


def injected(faults: Iterable[Trouble], hit: Iterable[str]) -> Injected:
    """Counted."""
    return Injected(faults=dict(Counter(one.kind for one in faults)), hit=sorted(set(hit)))


def result_of(plan: Plan, truth: Truth, verdicts: Iterable[Verdict], injected: Injected) -> Result:
    """What is kept of a seed."""
    verdicts = tuple(verdicts)
    return Result(
        seed=plan.seed,
        driven=_driven(truth),
        answers=len(truth.answers),
        unknown=sum(one.unknown for one in truth.answers),
        injected=injected,
        waiting=[one for one, row in truth.objects().items() if truth.waits_for_proof(row)],
        rules={one.rule: len(one.breaches) for one in verdicts},
        breaches={one.rule: list(one.breaches) for one in verdicts if one.breaches},
    )


def _driven(truth: Truth) -> dict[str, int]:
    """Objects by kind and end."""
    found: Counter[str] = Counter()
    for table in ENDS:
        for row in truth.rows[table]:
            kind = "top-up" if row.get("purpose") == "top_up" else table
            origin = row.get("origin", "merchant")
            found[f"{kind}{'' if origin == 'merchant' else f' ({origin})'} {row['state']}"] += 1
    return dict(sorted(found.items()))
