"""What can go wrong, and when: the timetable of faults of one seed."""

import random
from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chaos.callbacks import Attack
from chaos.mischief import Mischief
from chaos.sinks import Hostility

Family = Literal["kill", "point", "wire", "commit", "channel", "callback", "clock", "sink", "operator"]

#: The connections that there are, and who would break them.
WIRES = (
    *("api-postgres", "worker-1-postgres", "worker-2-postgres", "api-temporal", "worker-1-temporal"),
    *("worker-2-temporal", "centre-simulator", "simulator-api", "worker-sink", "client-api"),
)
COMMIT_WIRES = ("api-postgres", "worker-1-postgres", "worker-2-postgres")
KILLS = ("worker-1", "worker-2", "workers", "churn", "temporal", "postgres", "api", "simulator")
_CALLS = ("pay", "query", "close", "refund", "refund_query", "transfer", "transfer_query")
_OF_EVERY_CALL = (
    *("accept_then_timeout", "accept_then_reset", "reset_before", "status_500", "status_500_commit"),
    *("status_429", "slow", "bad_signature"),
)
CHANNEL_FAULTS = (
    *((operation, flaw) for operation in _CALLS for flaw in _OF_EVERY_CALL),
    *((operation, "stale") for operation in ("query", "refund_query", "transfer_query")),
    *(("pay", "wrong_amount"), ("close", "late")),
    *(("callback", flaw) for flaw in ("lost", "duplicate", "late", "bad_signature", "wrong_amount")),
)
#: So many failpoints are armed together: many lie on paths that a load of seconds seldom takes.
POINTS_AT_ONCE = 3
SINK_FAULTS = ("all refused", "all slow", *Hostility)
OPERATOR_FAULTS, ATTACKS = tuple(Mischief), tuple(Attack)

#: How often each family is chosen.
_WEIGHTS: tuple[tuple[Family, int], ...] = (
    *(("point", 30), ("kill", 18), ("wire", 16), ("commit", 8), ("channel", 14)),
    *(("callback", 5), ("operator", 7), ("sink", 7), ("clock", 2)),
)


class Trouble(BaseModel):
    """One fault: from when, for how long, and what; `detail` and `number` say which of its kind."""

    model_config = ConfigDict(frozen=True)

    family: Family
    target: str
    at_s: float
    for_s: float = 0.0
    detail: str = ""
    number: int = 1

    @property
    def kind(self) -> str:
        """What the reports count it as."""
        match self.family:
            case "point":
                return "kill -9 at a failpoint"
            case "kill":
                return f"kill -9 {self.target.rstrip('-12')}"
            case "channel":
                return f"channel: {self.target} {self.detail}"
            case "wire":
                return f"wire: {self.detail}"
            case _:
                return f"{self.family}: {self.detail or self.target}"


def timetable(choose: random.Random, points: Sequence[str], *, load_s: float) -> tuple[Trouble, ...]:
    """Three to seven faults inside the load, sometimes two at once, in the order of their times."""
    families: list[Family] = choose.choices(
        [name for name, _ in _WEIGHTS], [weight for _, weight in _WEIGHTS], k=choose.randint(3, 6)
    )
    found = [_trouble(choose, family, points, round(choose.uniform(0.2, load_s - 0.4), 2)) for family in families]
    if choose.random() < 0.4:  # noqa: PLR2004 - how often two faults fall on the same moment
        family: Family = choose.choice(("kill", "wire", "commit"))
        found.append(_trouble(choose, family, points, found[0].at_s))
    return tuple(sorted(found, key=lambda trouble: (trouble.at_s, trouble.family, trouble.target)))


def _trouble(choose: random.Random, family: Family, points: Sequence[str], at_s: float) -> Trouble:
    makers: dict[Family, Callable[[], dict[str, object]]] = {
        "kill": lambda: {"target": choose.choice(KILLS), "for_s": round(choose.uniform(0, 0.8), 2)},
        "point": lambda: {
            "target": "processes",
            "detail": ",".join(choose.sample(points, k=min(len(points), choose.randint(1, POINTS_AT_ONCE)))),
            "number": choose.choice((1, 1, 1, 2, 3)),
        },
        "wire": lambda: {
            "target": choose.choice(WIRES),
            "detail": choose.choice(("cut", "stall", "half_open", "deaf", "delay")),
            "for_s": round(choose.uniform(0.3, 1.5), 2),
        },
        "commit": lambda: {
            "target": choose.choice(COMMIT_WIRES),
            "detail": choose.choice(("after commit", "after commit", "before commit")),
            "number": choose.randint(1, 6),
        },
        "channel": lambda: (
            dict(zip(("target", "detail"), choose.choice(CHANNEL_FAULTS), strict=True))
            | {"number": choose.randint(1, 3)}
        ),
        "callback": lambda: {"target": "callbacks", "detail": choose.choice(ATTACKS), "number": choose.randint(1, 3)},
        "clock": lambda: {"target": "simulator", "detail": "ahead", "number": choose.choice((30, 300, 1_200))},
        "sink": lambda: {
            "target": "sink",
            "detail": choose.choice(SINK_FAULTS),
            "for_s": round(choose.uniform(0.5, 1.5), 2),
        },
        "operator": lambda: {
            "target": "workflow",
            "detail": choose.choice(OPERATOR_FAULTS),
            "number": choose.randint(1, 4),
        },
    }
    return Trouble.model_validate({"family": family, "at_s": at_s, **makers[family]()})
