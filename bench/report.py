"""The figures of one run beside what they aim at, for the terminal. A missed aim is told and fails nothing."""

from collections.abc import Iterator

from bench.aims import figures
from bench.figures import HEAD, short
from bench.percentiles import Latency
from bench.results import Counted, Floor, Loaded, Results
from devstack.terminal import table

BUSY_SHARE = 0.1
BUSY = (
    "Other programs had a share of this machine's processors, so that rates are lower and times longer than on a quiet"
    " one:"
)
LOAD_HEAD = ("load", "asked", "ended", "/s", "ms a payment", "POST p50", "p99", "call p50", "p99")


def report(results: Results) -> str:
    """The table of aims, one of all loads, and below them what explains the figures."""
    loads = [load_row(name, loaded) for name, loaded in named_loads(results)]
    parts = [table(HEAD, [figure.row() for figure in figures(results)]), table(LOAD_HEAD, loads)]
    return "\n\n".join([*parts, *_explanations(results)])


def named_loads(results: Results) -> list[tuple[str, Loaded]]:
    """Every load of the run, with the name that a reader knows it by."""
    return list(_loads(results))


def warnings(results: Results) -> list[str]:
    """What a reader must know before comparing: a busy machine, payments that did not end, calls that were repeated."""
    phases: list[tuple[str, Floor | Loaded]] = [("floor", results.floor)] if results.floor else []
    shares = [(name, phase.others_share) for name, phase in [*phases, *named_loads(results)]]
    busy = [f"{name} {share:.0%}" for name, share in shares if share > BUSY_SHARE]
    told = [line for name, loaded in named_loads(results) for line in _warnings(name, loaded)]
    return [*([f"{BUSY} {', '.join(busy)}."] if busy else []), *told]


def _loads(results: Results) -> Iterator[tuple[str, Loaded]]:
    if results.saturation:
        yield "saturation", results.saturation
    if results.half_rate:
        yield "half rate", results.half_rate
    yield from ((f"{rate.share:.0%} of saturation", rate.loaded) for rate in results.rates or [])
    for group in (results.workers, results.merchants, results.failing):
        yield from ((one.name, one.loaded) for one in group or [])
    if channels := results.channels:
        for name, loads in (("alone", channels.alone), ("beside", channels.beside), ("slow", channels.slow)):
            yield from ((f"channel: {name}", loaded) for loaded in loads)
    if growth := results.growth:
        for grown in (growth.small, growth.large):
            yield from ((f"{grown.stored:,} stored", loaded) for loaded in grown.turns)
    for peer in results.peers or []:
        yield from ((f"{peer.name}: {one.name}", one.loaded) for one in peer.loads)


def load_row(name: str, loaded: Loaded) -> tuple[str, ...]:
    """For the table of loads."""
    ended = f"{loaded.succeeded + loaded.failed}"
    rate, cost = short(loaded.payments_per_s), short(sum(loaded.cpu_ms.values()))
    return name, f"{loaded.asked}", ended, rate, cost, *two(loaded.post), *two(loaded.callback_to_succeeded)


def two(latency: Latency) -> tuple[str, str]:
    """Its p50 and p99 for a person; a dash where there is none."""
    p50_ms, p99_ms = (("-" if value is None else short(value)) for value in (latency.p50_ms, latency.p99_ms))
    return p50_ms, p99_ms


def _explanations(results: Results) -> Iterator[str]:
    if results.counting:
        yield from _counts(results.counting)
    if loaded := results.half_rate:
        yield _phases("POST at half rate, p50 / p99 in ms", loaded.answer_phases)
        yield _phases("callback at half rate, p50 / p99 in ms", loaded.call_phases)
    yield from warnings(results)


def _counts(counted: Counted) -> Iterator[str]:
    transactions = counted.transactions
    yield _named("transactions of a payment", transactions.own)
    yield _named("apart from it", transactions.apart)
    counts = " + ".join(f"{count} {who}" for who, count in transactions.counted.items())
    uncounted = transactions.uncounted / counted.payments
    yield (
        f"PostgreSQL committed {transactions.in_database} over {counted.payments} payments; "
        f"counted: {counts}. The other {transactions.uncounted}, {uncounted:.2f} a payment, are nobody's: "
        f"PostgreSQL counts each statement of a reading session as a commit. "
        f"Rolled back: {transactions.rolled_back:.2f} a payment."
    )
    yield _named("billable actions of a payment, its webhooks apart", counted.bill.actions)


def _warnings(name: str, loaded: Loaded) -> Iterator[str]:
    if loaded.succeeded + loaded.failed < loaded.asked:
        why = loaded.refusals[0] if loaded.refusals else "the others were accepted and did not end"
        yield f"{name}: {loaded.succeeded + loaded.failed} of {loaded.asked} payments ended; {why}"
    if loaded.repeats:
        yield f"{name}: {loaded.repeats} calls were repeated because the API asked for it."


def _phases(what: str, phases: dict[str, Latency]) -> str:
    return f"{what}: " + "; ".join(f"{name} {' / '.join(two(latency))}" for name, latency in phases.items())


def _named(what: str, shares: dict[str, float]) -> str:
    return f"{what}: " + ", ".join(f"{name} {share:.2f}" for name, share in sorted(shares.items()))
