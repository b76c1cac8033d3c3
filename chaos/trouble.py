"""What can go wrong, and when: the timetable of faults of one seed."""

import random
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chaos.callbacks import Attack
from chaos.mischief import Mischief
from chaos.sinks import Hostility

#: What a failpoint that ended a process is counted as.
AT_POINTS = "kill -9 at a failpoint"

Family = Literal[
    "kill", "point", "wire", "commit", "channel", "callback", "clock", "sink", "operator", "schedule", "disk"
]

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
#: Whose clock may be wrong, and by how many seconds: the channel's, and those of our own processes.
CLOCKS = ("simulator", "api", "worker-1", "worker-2")
AHEAD_S, BEHIND_S = (5, 30, 300, 1_200), (-5, -30, -300, -1_200)
SINK_FAULTS = ("all refused", "all slow", *Hostility)
OPERATOR_FAULTS, ATTACKS = tuple(Mischief), tuple(Attack)

#: How often each family is chosen.
_WEIGHTS: tuple[tuple[Family, int], ...] = (
    *(("kill", 18), ("wire", 18), ("commit", 10), ("channel", 18), ("callback", 6), ("operator", 9)),
    *(("sink", 8), ("clock", 8), ("disk", 5)),
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
                return AT_POINTS
            case "kill":
                return f"kill -9 {self.target.rstrip('-12')}"
            case "channel":
                return f"channel: {self.target} {self.detail}"
            case "wire":
                return f"wire: {self.detail}"
            case _:
                return f"{self.family}: {self.detail or self.target}"


def timetable(choose: random.Random, *, load_s: float) -> tuple[Trouble, ...]:
    """Two to five faults inside the load, sometimes two at once; failpoints come beside them."""
    families: list[Family] = choose.choices(
        [name for name, _ in _WEIGHTS], [weight for _, weight in _WEIGHTS], k=choose.randint(2, 4)
    )
    found = [_trouble(choose, family, round(choose.uniform(0.2, load_s - 0.4), 2)) for family in families]
    if choose.random() < 0.4:  # noqa: PLR2004 - how often two faults fall on the same moment
        family: Family = choose.choice(("kill", "wire", "commit"))
        found.append(_trouble(choose, family, found[0].at_s))
    return tuple(found)


def _trouble(choose: random.Random, family: Family, at_s: float) -> Trouble:
    makers: dict[Family, Callable[[], dict[str, object]]] = {
        "kill": lambda: {"target": choose.choice(KILLS), "for_s": round(choose.uniform(0, 0.8), 2)},
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
        "clock": lambda: _clock(choose, choose.choice(CLOCKS)),
        "disk": lambda: {"target": "postgres", "detail": "full", "for_s": round(choose.uniform(0.3, 1.2), 2)},
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


def _clock(choose: random.Random, whose: str) -> dict[str, object]:
    """The channel's clock is only ever ahead: what it signs may be old for us, and never from the future."""
    by_s = choose.choice(AHEAD_S if whose == "simulator" else AHEAD_S + BEHIND_S)
    kind = "ahead" if by_s > 0 else "behind"
    return {"target": whose, "detail": f"{whose.rstrip('-12')} {kind}", "number": by_s}
