"""The figures of one run beside what they aim at. A missed aim is told and fails nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.results import Floor, Loaded, Results
from devstack.terminal import table

HEAD = ("", "figure", "aim", "holds")
BUSY_SHARE = 0.1


@dataclass(frozen=True)
class Figure:
    """One line; `aim` is a bound from above unless `at_least`. None: not measured, or nothing to aim at."""

    name: str
    value: float | None
    unit: str
    aim: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the aim is met; None where there is none, or no figure."""
        if self.aim is None or self.value is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    def row(self) -> tuple[str, str, str, str]:
        """For the table."""
        value = "-" if self.value is None else f"{_short(self.value)} {self.unit}"
        aim = "" if self.aim is None else f"{'≥' if self.at_least else '≤'} {_short(self.aim)}"
        return self.name, value, aim, {None: "", True: "yes", False: "no"}[self.holds]


def figures(results: Results) -> list[Figure]:
    """Every figure, in the order of the phases."""
    return [*_floor(results), *_saturation(results), *_half_rate(results.half_rate), *_counted(results)]


def report(results: Results) -> str:
    """The table, and below it what explains the figures."""
    parts = [table(HEAD, [figure.row() for figure in figures(results)]), *_explanations(results)]
    return "\n\n".join(parts)


def _floor(results: Results) -> Iterator[Figure]:
    yield Figure("floor: empty workflows", results.floor.workflows_per_s, "/s")
    yield Figure("floor: processor time of one", sum(results.floor.cpu_ms.values()), "ms")
    yield Figure("floor: the list lags", results.floor.lag_s, "s", 2)


def _saturation(results: Results) -> Iterator[Figure]:
    loaded = results.saturation
    yield Figure("saturation: payments, POST to succeeded", loaded.payments_per_s, "/s", 25, at_least=True)
    yield Figure("saturation: share of the floor", loaded.payments_per_s / results.floor.workflows_per_s * 100, "%")
    yield Figure("saturation: processor time of a payment", sum(loaded.cpu_ms.values()), "ms", 75)
    yield from (Figure(f"    {name}", spent, "ms") for name, spent in loaded.cpu_ms.items())
    yield Figure("saturation: the list lags", loaded.lag_s, "s", 2)
    yield Figure("saturation: webhooks delivered after", loaded.told_after_s, "s")


def _half_rate(loaded: Loaded) -> Iterator[Figure]:
    yield Figure("half rate: payments that succeeded", loaded.succeeded, "")
    yield Figure("half rate: payments, POST to succeeded", loaded.payments_per_s, "/s")
    yield Figure("half rate: POST to pay parameters, p50", loaded.post.p50_ms, "ms", 100)
    yield Figure("half rate: POST to pay parameters, p99", loaded.post.p99_ms, "ms", 300)
    yield Figure("half rate: callback to succeeded, p50", loaded.callback_to_succeeded.p50_ms, "ms")
    yield Figure("half rate: callback to succeeded, p99", loaded.callback_to_succeeded.p99_ms, "ms", 250)
    yield Figure("half rate: callback to seen by the load, p99", loaded.callback_to_seen.p99_ms, "ms")
    yield Figure("half rate: processor time of a payment", sum(loaded.cpu_ms.values()), "ms")
    yield Figure("half rate: the list lags", loaded.lag_s, "s", 2)


def _counted(results: Results) -> Iterator[Figure]:
    counted = results.counted
    yield Figure("a payment: transactions, open to succeeded", counted.transactions.per_payment, "", 8)
    yield Figure("a payment: history events, median", counted.bill.events_p50, "", 26)
    yield Figure("a payment: history events, most", counted.bill.events_max, "")
    yield Figure("a payment: billable actions", counted.bill.actions_per_payment, "", 8)


def _explanations(results: Results) -> Iterator[str]:
    transactions, bill = results.counted.transactions, results.counted.bill
    yield _named("transactions of a payment", transactions.own)
    yield _named("apart from it", transactions.apart)
    counted = " + ".join(f"{count} {who}" for who, count in transactions.counted.items())
    uncounted = transactions.uncounted / results.counted.payments
    yield (
        f"PostgreSQL committed {transactions.in_database} over {results.counted.payments} payments; "
        f"counted: {counted}. The other {transactions.uncounted}, {uncounted:.2f} a payment, are nobody's: "
        f"PostgreSQL counts each statement of a reading session as a commit. "
        f"Rolled back: {transactions.rolled_back:.2f} a payment."
    )
    yield _named("billable actions of a payment, its webhooks apart", bill.actions)
    phases: Sequence[tuple[str, Floor | Loaded]] = (
        ("floor", results.floor),
        ("saturation", results.saturation),
        ("half rate", results.half_rate),
    )
    yield from (line for name, phase in phases for line in _warnings(name, phase))


def _warnings(name: str, phase: Floor | Loaded) -> Iterator[str]:
    if phase.others_share > BUSY_SHARE:
        yield (
            f"{name}: other programs had {phase.others_share:.0%} of this machine's processors: "
            "the rates are lower and the times longer than on a quiet one."
        )
    if isinstance(phase, Loaded) and phase.succeeded < phase.asked:
        why = phase.refusals[0] if phase.refusals else "the others were accepted and did not end as succeeded"
        yield f"{name}: {phase.succeeded} of {phase.asked} payments succeeded; {why}"
    if isinstance(phase, Loaded) and phase.with_pay < phase.succeeded:
        yield f"{name}: {phase.with_pay} of {phase.succeeded} POSTs answered with pay parameters."


def _named(what: str, shares: dict[str, float]) -> str:
    return f"{what}: " + ", ".join(f"{name} {share:.2f}" for name, share in sorted(shares.items()))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1_000 else f"{value:.1f}"  # noqa: PLR2004
