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


class Transactions(BaseModel):
    """Of one payment, by step: its own from `open` to `succeeded`, and those `apart` (API, loops, webhooks).

    `counted` names what was counted by whom in the whole phase; `in_database` is what PostgreSQL counted meanwhile.
    `rolled_back` is a payment's share.
    """

    model_config = ConfigDict(frozen=True)

    own: dict[str, float]
    apart: dict[str, float]
    counted: dict[str, int]
    in_database: int
    rolled_back: float

    @property
    def per_payment(self) -> float:
        """Committed from `open` to `succeeded`."""
        return sum(self.own.values())

    @property
    def uncounted(self) -> int:
        """What PostgreSQL alone counted: to it each statement of a reading session is a commit."""
        return self.in_database - sum(self.counted.values())


class Bill(BaseModel):
    """Of one payment: billable actions by kind, and events in its history."""

    model_config = ConfigDict(frozen=True)

    actions: dict[str, float]
    events_p50: float
    events_max: float

    @property
    def actions_per_payment(self) -> float:
        """Its webhooks apart: they are activities of their own, which the server's counter does not know."""
        return sum(self.actions.values())


class Counted(BaseModel):
    """Shares of so many payments that came two at a time to a stack with nothing else to do."""

    model_config = ConfigDict(frozen=True)

    payments: int
    transactions: Transactions
    bill: Bill


class Results(BaseModel):
    """Everything."""

    model_config = ConfigDict(frozen=True)

    floor: Floor
    saturation: Loaded
    half_rate: Loaded
    counted: Counted
