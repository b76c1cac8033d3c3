"""What the phases of one run found out."""

from datetime import datetime

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
    """One load of payments; `cpu_ms` is a payment's, by process; `others_share` went to programs that are not ours.

    The phases are those of `bench.marks`, in their order.
    """

    model_config = ConfigDict(frozen=True)

    asked: int
    succeeded: int
    failed: int = 0
    refusals: list[str]
    repeats: int = 0
    payments_per_s: float
    cpu_ms: dict[str, float]
    post: Latency
    with_pay: int
    callback_to_succeeded: Latency
    callback_to_seen: Latency
    answer_phases: dict[str, Latency] = {}
    call_phases: dict[str, Latency] = {}
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


class Rate(BaseModel):
    """An open loop at this share of the payments/s of saturation."""

    model_config = ConfigDict(frozen=True)

    share: float
    rate_per_s: float
    loaded: Loaded


class Named(BaseModel):
    """One load among several that are compared."""

    model_config = ConfigDict(frozen=True)

    name: str
    loaded: Loaded


class Statement(BaseModel):
    """One statement of the database; calls and milliseconds are a payment's; nested ones run inside functions."""

    model_config = ConfigDict(frozen=True)

    text: str
    calls: float
    ms: float
    rows: float
    wal_bytes: float
    nested: bool


class Statements(BaseModel):
    """What PostgreSQL spent on each statement, and what counting them cost it; milliseconds are a payment's."""

    model_config = ConfigDict(frozen=True)

    statements: list[Statement]
    plain_ms: float
    counted_ms: float


class Channels(BaseModel):
    """Payments of a fast channel while it is alone, and while a slow one has payments too."""

    model_config = ConfigDict(frozen=True)

    rate_per_s: float
    slow_rate_per_s: float
    slow_s: float
    alone: list[Loaded]
    beside: list[Loaded]
    slow: list[Loaded]


class Kill(BaseModel):
    """A worker ended by `kill -9` under load; seconds since the kill, or since a new one polled."""

    model_config = ConfigDict(frozen=True)

    open_payments: int
    polled_s: float
    moved_s: float
    moved_after_poll_s: float
    ended_s: float


class Memory(BaseModel):
    """Megabytes of one process: all pages it has, and its share of those that it shares with others."""

    model_config = ConfigDict(frozen=True)

    rss_mb: float
    pss_mb: float


class Recovery(BaseModel):
    """Every kill under one load, what became of all its payments, and a worker's memory."""

    model_config = ConfigDict(frozen=True)

    rate_per_s: float
    asked: int
    succeeded: int
    kills: list[Kill]
    idle: Memory
    after_load: Memory


class Grown(BaseModel):
    """The same load on a database with so many stored payments; both databases take turns."""

    model_config = ConfigDict(frozen=True)

    stored: int
    size_mb: float
    turns: list[Loaded]


class Growth(BaseModel):
    """Cost of a payment with few and with many stored payments, and how long storing and verifying them took."""

    model_config = ConfigDict(frozen=True)

    small: Grown
    large: Grown
    seeded: int
    seeding_s: float
    verified: bool
    verifying_s: float


class Peer(BaseModel):
    """One way to write the same payment, measured by turns with the others; `figures` are for the page, by turn."""

    model_config = ConfigDict(frozen=True)

    name: str
    loads: list[Named]
    figures: dict[str, str]


class Machine(BaseModel):
    """Where and when the figures were taken, and of what."""

    model_config = ConfigDict(frozen=True)

    taken_at: datetime
    commit: str
    processors: int
    memory_mb: int
    python: str
    quick: bool


class Results(BaseModel):
    """Everything; what was not measured is not there."""

    machine: Machine | None = None
    floor: Floor | None = None
    saturation: Loaded | None = None
    half_rate: Loaded | None = None
    rates: list[Rate] | None = None
    workers: list[Named] | None = None
    statements: Statements | None = None
    merchants: list[Named] | None = None
    failing: list[Named] | None = None
    channels: Channels | None = None
    recovery: Recovery | None = None
    counting: Counted | None = None
    peers: list[Peer] | None = None
    growth: Growth | None = None
