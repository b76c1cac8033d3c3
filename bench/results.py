"""What the phases of one run found out."""

from pydantic import BaseModel, ConfigDict

from bench.percentiles import Latency


class Floor(BaseModel):
    """Empty workflows on the same server, with a worker of the same options."""

    model_config = ConfigDict(frozen=True)

    workflows: int
    workflows_per_s: float
    cpu_ms: dict[str, float]
    lag_s: float
    others_share: float


class Loaded(BaseModel):
    """One load of payments; `cpu_ms` is a payment's, by process; `others_share` went to programs that are not ours."""

    model_config = ConfigDict(frozen=True)

    asked: int
    succeeded: int
    refusals: list[str]
    payments_per_s: float
    cpu_ms: dict[str, float]
    post: Latency
    with_pay: int
    callback_to_succeeded: Latency
    callback_to_seen: Latency
    lag_s: float
    told_after_s: float
    others_share: float


class Counted(BaseModel):
    """A payment's share of what a quiet stack did for payments that came two at a time."""

    model_config = ConfigDict(frozen=True)

    payments: int
    transactions: float
    steps: dict[str, float]
    apart: dict[str, float]
    counted_commits: int
    database_commits: int
    explained: dict[str, int]
    rollbacks: float
    history_events: Latency | None = None
    events_median: int
    events_max: int
    actions: float
    action_kinds: dict[str, float]


class Results(BaseModel):
    """Everything."""

    model_config = ConfigDict(frozen=True)

    floor: Floor
    saturation: Loaded
    half_rate: Loaded
    half_rate_per_s: float
    counted: Counted
