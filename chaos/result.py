"""What a seed came to, as it is kept and counted."""

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel

from chaos.judge import Verdict
from chaos.plan import Plan
from chaos.trouble import Trouble
from chaos.truth import ENDS, Truth


class Injected(BaseModel):
    """What was done to the stack, by kind, which failpoints ended a process, and how long it all took."""

    faults: dict[str, int]
    hit: list[str]
    took_s: float
    drained_s: float


class Result(BaseModel):
    """One seed: its load, its faults, and how often each rule was broken."""

    seed: int
    driven: dict[str, int]
    answers: int
    unknown: int
    injected: Injected
    waiting: list[str] = []
    rules: dict[str, int]
    breaches: dict[str, list[str]]

    @property
    def held(self) -> bool:
        """True when no rule was broken."""
        return not self.breaches


def injected(faults: Iterable[Trouble], hit: Iterable[str], took_s: float, drained_s: float) -> Injected:
    """Counted."""
    counts = Counter(one.kind for one in faults)
    return Injected(faults=dict(counts), hit=sorted(set(hit)), took_s=took_s, drained_s=drained_s)


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
